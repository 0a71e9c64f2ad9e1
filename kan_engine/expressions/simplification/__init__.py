"""Formulas simplified: normal form, rewrites, display form."""
