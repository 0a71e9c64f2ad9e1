"""Networks evaluated with NumPy alone."""
