"""Edges fixed to functions (KAN paper, section 2.5.1)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float

from kan_engine.errors import InvalidData
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, suggest
from kan_engine.network.header import EdgePlace
from kan_engine.network.kan import KAN
from kan_engine.network.layer import SymbolicEdge


@torch.no_grad()
def fix_edges_(
    network: KAN, functions: Mapping[EdgePlace, str], x: Float[torch.Tensor, "rows columns"]
) -> dict[EdgePlace, float]:
    """Replace edges by their best fits c · f(a·h + b) + d.

    Args:
        network: Changed in place.
        functions: Library function of each edge to fix.
        x: Rows on the scale of the network.

    Returns:
        R² of each function on the curve that it replaces.

    Raises:
        InvalidData: A function is undefined on the inputs of its edge, or no better than a straight line.
    """
    entering = network.preacts(x)
    best_fits: dict[EdgePlace, Suggestion] = {}
    for (number, i, j), function in functions.items():
        h = entering[number][:, i]
        curve = network.all_layers[number].postacts(entering[number])[:, i, j]
        fits = [fit for fit in suggest(FitPoints(h.numpy()), curve.numpy()) if fit.function == function]
        if not fits:
            raise InvalidData(
                f"{function} does not fit the edge from {i} to {j} of layer {number}: on the inputs of the "
                "edge it is undefined or nearly a straight line; choose one of the functions suggested for it"
            )
        best_fits[number, i, j] = fits[0]
    for (number, i, j), fit in best_fits.items():
        edge = SymbolicEdge(fit.function, fit.a, fit.b, fit.c, fit.d)
        network.all_layers[number].symbolic[i, j] = edge
    return {place: fit.r2 for place, fit in best_fits.items()}
