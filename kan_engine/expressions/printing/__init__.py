"""Formulas as text: infix languages, LaTeX, source files."""
