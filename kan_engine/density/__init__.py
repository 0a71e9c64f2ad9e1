"""Densities of columns, and the named laws that they follow."""
