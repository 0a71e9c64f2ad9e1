"""Integrals by the rule of Gauss and Legendre, panel by panel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def gauss_legendre(
    ends: Float[np.ndarray, " ends"], points: int
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes and weights of a rule with so many points on each panel between neighbouring ends.

    Exact for functions that are polynomials of degree below twice the points on every panel.
    """
    u, w = np.polynomial.legendre.leggauss(points)
    half = np.diff(ends) / 2
    middle = ends[:-1] + half
    return (middle[:, None] + half[:, None] * u).ravel(), (half[:, None] * w).ravel()
