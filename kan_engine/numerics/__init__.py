"""Optimisers, linear solvers and quadrature; nothing here knows a network."""
