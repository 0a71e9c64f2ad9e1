"""Kolmogorov-Arnold networks: layers, grid updates, pruning."""
