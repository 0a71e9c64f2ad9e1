"""The drawing of a network as SVG, and what all pictures share."""
