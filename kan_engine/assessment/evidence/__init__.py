"""Evidence for a formula: residual tests, comparison on the same folds, stability, and the verdict."""
