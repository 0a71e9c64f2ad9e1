"""Decision numbers that several parts of the search for formulas share. Errors are over the spread of y."""

MAX_EXACT_ERROR = 1e-9
"""Of a law on rows that it was not fitted to. A report calls a printed formula exact below 1e-7; smooth
approximations come as close to that."""
MIN_RELATIVE_RESIDUAL = 1e-13
"""Digits of residuals below it are rounding error."""
COARSE_ROWS = 250
"""First rows, which suffice for a coarse fit."""

MAX_REFIT_STEPS = 40
"""Of a form without noise, down to rounding error."""
MAX_NOISY_REFIT_STEPS = 25
"""Of a form with noise, which need fewer."""
FURTHER_STEPS = 5
"""Of a fitted form, after a constant is replaced or rows are added."""
MAX_STANDARD_ERRORS = 3.0
"""Distance of a simple number from the constant that it replaces, under noise."""
MAX_SIMPLE_BITS = 9.0
"""Of a simple number, such as 1/4 or 12; longer ones count as measured."""
MAX_EDGES = 24
"""Live edges of a network from which formulas are extracted."""
