"""Evaluates models: metrics, baselines, diagnostics."""
