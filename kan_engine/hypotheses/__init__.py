"""Hypotheses on the structure of a function: separability, symmetries, and the tree that they form."""
