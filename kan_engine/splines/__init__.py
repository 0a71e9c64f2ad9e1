"""B-splines: bases, knots, features, tensor products."""
