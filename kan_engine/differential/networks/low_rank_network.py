"""Splines of several variables as Kolmogorov-Arnold networks.

The values of u(x, y) on a grid form a matrix. Its singular vectors are functions of x and of y alone, so that
u(x, y) = Σ_r f_r(x)·g_r(y) is a network whose hidden nodes multiply (KAN 2.0, arXiv:2408.10205, section 2).
With one node per singular value above rounding error it is the same function. For three variables, the
functions of the last two are decomposed in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.data.scaling import Standardizer
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import KANLayer, SymbolicEdge
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline, multiply_axes

Array = np.ndarray
Term = tuple[Float[Array, " terms"], ...]  # coefficients of one factor along each axis


def box_standardizer(axes: Sequence[SplineAxis]) -> Standardizer:
    """The affine map of the box to [-1, 1]."""
    low, high = (np.array([axis.grid[end] for axis in axes]) for end in (0, -1))
    return Standardizer(center=(low + high) / 2, scale=(high - low) / 2)


def build_spline_network(spline: TensorSpline, precision: float, *, max_products: int = 200) -> KAN:
    """Build the network that represents the functions on standardised inputs.

    Args:
        spline: The functions, one per output.
        precision: Products smaller than this share of the largest value are left out.
        max_products: Hidden nodes for each function; the smallest products beyond them are left out.
    """
    spline = spline.change_axes(_equalise_grid_sizes(spline.axes))
    axes = spline.axes
    shape = {"grid_size": axes[0].size, "order": axes[0].order}
    if len(axes) == 1:
        network = KAN(KANConfig(width=(1, len(spline.coef)), **shape))  # type: ignore[arg-type]
        _reset_layer_(network.stack[0], axes)
        with torch.no_grad():
            network.stack[0].weight[0, :-1] = torch.from_numpy(spline.coef.T.copy())
        return network
    terms = [separate_variables(coef, axes, precision, max_products) for coef in spline.coef]
    nodes = [(unknown, term) for unknown, unknown_terms in enumerate(terms) for term in unknown_terms]
    width = (len(axes), len(nodes), len(spline.coef))
    network = KAN(KANConfig(width=width, products=len(nodes), **shape))  # type: ignore[arg-type]
    first_layer, last_layer = network.stack
    _reset_layer_(first_layer, axes)
    with torch.no_grad():
        last_layer.mask[:] = False
        # Every multiplication node is one product of functions, passed to its output unchanged
        for node, (unknown, term) in enumerate(nodes):
            for axis, coef in enumerate(term):
                first_layer.weight[axis, :-1, node] = torch.from_numpy(coef)
            last_layer.mask[node, unknown] = True
            last_layer.symbolic[node, unknown] = SymbolicEdge("x", 1.0, 0.0, 1.0, 0.0)
    return network


def _reset_layer_(layer: KANLayer, axes: Sequence[SplineAxis]) -> None:
    """Set the knots for the standardised inputs, and all weights to 0."""
    inputs = box_standardizer(axes)
    knots = [(axis.knots - inputs.center[n]) / inputs.scale[n] for n, axis in enumerate(axes)]
    with torch.no_grad():
        layer.knots = torch.from_numpy(np.stack(knots))
        layer.weight.zero_()


def _equalise_grid_sizes(axes: Sequence[SplineAxis]) -> list[SplineAxis]:
    """Grids with equal numbers of intervals: the widest intervals of smaller grids are halved."""
    max_size, result = max(axis.size for axis in axes), []
    for axis in axes:
        grid = axis.grid
        while len(grid) - 1 < max_size:
            widths = np.diff(grid)
            # Halving keeps all grid points, so that the spline does not change
            widest = np.argsort(-widths, kind="stable")[: max_size - len(widths)]
            grid = np.sort(np.concatenate([grid, grid[widest] + widths[widest] / 2]))
        result.append(axis if len(grid) == len(axis.grid) else SplineAxis(grid, axis.order))
    return result


def separate_variables(
    coef: Float[Array, "*terms"], axes: Sequence[SplineAxis], precision: float, max_terms: int | None = None
) -> list[Term]:
    """Products of functions of one variable whose sum is the function, the largest first.

    Args:
        coef: Coefficients of the function.
        axes: Its grids.
        precision: Products smaller than this share of the largest value are left out.
        max_terms: Largest number of products; None for all.
    """
    # Values are decomposed, to which the precision refers; the factors become coefficients at the end
    values = multiply_axes(coef, [axis.interpolation_matrix for axis in axes])
    inverse = [np.linalg.inv(axis.interpolation_matrix) for axis in axes]
    largest = float(np.abs(values).max())
    products = list(_rank_one_terms(values, precision * largest)) or [
        tuple(np.zeros(axis.terms) for axis in axes)
    ]
    products = products[:max_terms]
    return [tuple(inverse[n] @ factor for n, factor in enumerate(term)) for term in products]


def _rank_one_terms(values: Float[Array, "*points"], smallest: float) -> Iterator[Term]:
    """Vectors whose outer products sum to the array; terms that are smaller everywhere are left out."""
    if values.ndim == 1:
        yield (values,)
        return
    # Singular vectors along the first axis; those of the other axes are decomposed in turn
    left_vectors, sizes, right_vectors = np.linalg.svd(values.reshape(len(values), -1), full_matrices=False)
    for number, size in enumerate(sizes):
        # Largest value that the product takes anywhere
        magnitude = size * np.abs(left_vectors[:, number]).max() * np.abs(right_vectors[number]).max()
        if magnitude <= smallest:
            continue
        root = size**0.5
        for factors in _rank_one_terms(
            root * right_vectors[number].reshape(values.shape[1:]), smallest / max(root, 1e-300)
        ):
            yield (root * left_vectors[:, number], *factors)
