"""Networks of the solutions of differential equations."""
