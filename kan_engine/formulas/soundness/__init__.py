"""Whether a formula means the same between the rows: bounds over the ranges, and arguments that rows tell."""
