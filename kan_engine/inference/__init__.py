"""Trained models: prediction, calibration, prediction intervals, serialization."""
