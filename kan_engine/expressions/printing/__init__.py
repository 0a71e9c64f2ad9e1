"""Write formulas as text: infix languages, LaTeX, source files."""
