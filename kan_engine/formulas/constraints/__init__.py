"""Ways to satisfy the wishes of a client by changing formulas."""
