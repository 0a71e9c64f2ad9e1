"""Evaluation of networks with NumPy."""
