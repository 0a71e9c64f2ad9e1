"""Density estimates of columns, and the named distributions that describe them."""
