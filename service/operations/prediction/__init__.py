"""Predictions: input, cache, the Open Inference Protocol."""
