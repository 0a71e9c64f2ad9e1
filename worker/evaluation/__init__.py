"""How good a model is: metrics, baselines, diagnostics."""
