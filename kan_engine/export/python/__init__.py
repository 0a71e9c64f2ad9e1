"""Export of models to Python."""
