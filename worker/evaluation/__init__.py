"""Evaluates models: metrics and baselines."""
