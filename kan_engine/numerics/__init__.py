"""Optimisers, linear solvers and quadrature, independent of networks."""
