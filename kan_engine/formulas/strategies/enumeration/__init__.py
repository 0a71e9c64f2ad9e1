"""All short formulas of a few variables."""
