"""Trained models: predictions, calibration, intervals, the artifact."""
