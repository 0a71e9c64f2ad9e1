"""The search for a model: networks, small laws and formulas of a table."""
