"""Charts of the behaviour and quality of a model as SVG, one module each."""
