"""Families of forms with few inner constants, whose grids are scanned by least squares."""
