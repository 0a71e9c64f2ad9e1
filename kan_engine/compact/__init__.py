"""Compact networks: few curves that a person can look at, for every number of curves."""
