"""Pictures of what a model has learnt and what it is worth, one module each, as SVG written by hand."""
