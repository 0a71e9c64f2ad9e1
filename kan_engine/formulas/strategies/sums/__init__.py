"""Sparse sums of terms."""
