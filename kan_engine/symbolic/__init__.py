"""From curves and rows to formulas: candidates, constants, extraction."""
