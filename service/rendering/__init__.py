"""Pictures: SVG, PNG, MathML, their words."""
