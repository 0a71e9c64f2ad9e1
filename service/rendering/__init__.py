"""Rendering to SVG, PNG and MathML, and the translations of picture texts."""
