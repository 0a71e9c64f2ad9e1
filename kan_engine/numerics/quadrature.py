"""Composite Gauss-Legendre quadrature."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def gauss_legendre(
    ends: Float[np.ndarray, " ends"], points: int
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes and weights of the rule with ``points`` nodes on each panel between neighbouring ends.

    The rule is exact for functions that are polynomials of degree below 2 · ``points`` on every panel.
    """
    u, w = np.polynomial.legendre.leggauss(points)
    # Affine map of the rule on [-1, 1] to every panel
    half_widths = np.diff(ends) / 2
    midpoints = ends[:-1] + half_widths
    return (midpoints[:, None] + half_widths[:, None] * u).ravel(), (half_widths[:, None] * w).ravel()
