"""Symbolic formulas from curves and rows: candidates, constant fitting, extraction."""
