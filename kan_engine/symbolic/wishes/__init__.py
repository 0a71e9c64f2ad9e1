"""What a client wishes of a formula, granted by changing formulas that were found."""
