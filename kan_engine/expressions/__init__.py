"""Formulas as trees: the symbolic library, nodes, evaluation, differentiation."""
