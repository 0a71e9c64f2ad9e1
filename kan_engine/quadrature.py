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


def panels(low: float, high: float, width: float) -> Float[np.ndarray, " ends"]:
    """Ends of equal panels over a range, none of them wider than this."""
    return np.linspace(low, high, max(1, int(np.ceil((high - low) / width))) + 1)
