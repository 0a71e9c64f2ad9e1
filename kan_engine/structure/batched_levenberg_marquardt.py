"""Levenberg-Marquardt for a batch of networks; each network has its own damping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.structure.batched_networks import (
    ForwardPass,
    InputTerms,
    NetworkBatch,
    forward,
    jacobian,
    linear_jacobian,
    node_values,
)

RIDGE = 1e-11  # relative to the mean square of a term; keeps undetermined coefficients small
# At first; its factors after accepted and rejected steps
INITIAL_DAMPING, DAMPING_DECREASE, DAMPING_INCREASE = 1e-2, 0.2, 5.0
MIN_DAMPING, MAX_DAMPING = 1e-14, 1e10
GRID_MARGIN = 0.02  # of the range of a node, added to its grid on both sides
# Relative reduction of the loss; consecutive steps that may miss it
MIN_RELATIVE_GAIN, MAX_SLOW_STEPS = 1e-3, 5
MIN_DIAGONAL_SHARE = 1e-8  # lower bound of the damping scale, over the largest diagonal entry of JᵀJ


@torch.no_grad()
def fit_batch(
    bundle: NetworkBatch,
    terms: InputTerms,
    targets: Float[Tensor, "start batch"],
    weights: Float[Tensor, " batch"],
    *,
    steps: int,
    rounds: int,
    ridge: float = RIDGE,
    should_stop: Callable[[], bool] = lambda: False,
) -> NetworkBatch:
    """Fit every network to its targets.

    Each round first standardizes the nodes, moves their grids to their values, and solves for the linear
    coefficients.

    Args:
        bundle: Starting coefficients.
        terms: Input terms of the rows.
        targets: Targets of each network, on the unit scale.
        weights: Weights of the rows.
        steps: Maximum number of steps of a round.
        rounds: Number of rounds.
        ridge: Ridge penalty of the coefficients, relative to the mean square of their derivatives.
        should_stop: Called after every step; once true, the fit ends.
    """
    root = (weights / weights.sum()).sqrt()
    for _ in range(rounds):
        bundle = solve_linear_part(standardize_nodes(bundle, terms), terms, targets, root, ridge)
        if not bundle.nodes:
            break
        bundle = _minimize_loss(bundle, terms, targets, root, steps, ridge, should_stop)
        if should_stop():
            break
    return bundle


def _minimize_loss(
    bundle: NetworkBatch,
    terms: InputTerms,
    targets: Tensor,
    root: Tensor,
    steps: int,
    ridge: float,
    should_stop: Callable[[], bool],
) -> NetworkBatch:
    """Run one round of steps; a network accepts a step only if its loss falls."""
    damping = torch.full_like(bundle.constant, INITIAL_DAMPING)
    slow = torch.zeros(len(targets), dtype=torch.long)
    at = forward(bundle, terms)
    loss = ((at.total - targets) * root).square().sum(1)
    for _ in range(steps):
        slopes = jacobian(bundle, terms, at) * root[:, None]
        residual = ((at.total - targets) * root)[..., None]
        trial = bundle.replace_coefficients(
            bundle.flat + _levenberg_marquardt_step(slopes, residual, damping, bundle, ridge)
        )
        there = forward(trial, terms)
        reached = ((there.total - targets) * root).square().sum(1)
        better = reached < loss  # false for NaN
        slow = torch.where(reached < (1 - MIN_RELATIVE_GAIN) * loss, 0, slow + 1)
        loss = torch.where(better, reached, loss)
        bundle = bundle.replace_coefficients(_select_per_network(better, trial.flat, bundle.flat))
        at = _merge_passes(better, there, at)
        factor = torch.where(better, DAMPING_DECREASE, DAMPING_INCREASE)[:, None]
        damping = (damping * factor).clamp(MIN_DAMPING, MAX_DAMPING)
        if bool((slow >= MAX_SLOW_STEPS).all()) or should_stop():
            break
    return bundle


def _merge_passes(which: Bool[Tensor, " start"], new: ForwardPass, old: ForwardPass) -> ForwardPass:
    if bool(which.all()):
        return new
    pairs = zip(new.others, old.others, strict=True)
    return ForwardPass(
        _select_per_network(which, new.total, old.total),
        tuple(_select_per_network(which, *pair) for pair in zip(new.bases, old.bases, strict=True)),
        tuple(_select_per_network(which, *pair) for pair in zip(new.slopes, old.slopes, strict=True)),
        tuple(None if n is None or o is None else _select_per_network(which, n, o) for n, o in pairs),
    )


def _select_per_network(which: Bool[Tensor, " start"], new: Tensor, old: Tensor) -> Tensor:
    return torch.where(which.view(-1, *[1] * (new.ndim - 1)), new, old)


def _levenberg_marquardt_step(
    slopes: Tensor, residual: Tensor, damping: Tensor, bundle: NetworkBatch, ridge: float
) -> Float[Tensor, "start P"]:
    """Solve (JᵀJ + ridge + μ·diag) s = -gradient; the step is 0 if the factorization fails."""
    if bool(bundle.held.any()):
        slopes = slopes.masked_fill(bundle.held, 0.0)
    matrix = slopes.mT @ slopes
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    pull = ridge * diagonal.mean(1, keepdim=True)
    scale = torch.maximum(diagonal, MIN_DIAGONAL_SHARE * diagonal.amax(1, keepdim=True) + 1e-300)
    gradient = (slopes.mT @ residual)[..., 0] + pull * bundle.flat.masked_fill(bundle.held, 0.0)
    factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag_embed(damping * scale + pull))
    shift = -torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    good = (failed == 0)[:, None] & shift.isfinite().all(1, keepdim=True)
    return torch.where(good & ~bundle.held, shift, 0.0)


def standardize_nodes(bundle: NetworkBatch, terms: InputTerms) -> NetworkBatch:
    """Standardize the hidden nodes and move their grids to their values.

    The coefficients of their output edges no longer fit: call ``solve_linear_part`` afterwards.
    """
    inner, ends = list(bundle.inner), []
    inputs = terms.values.shape[1]
    held = torch.split(bundle.held, [part.shape[1] for part in bundle.coefficient_groups])
    for place, node in enumerate(bundle.nodes):
        value, _ = node_values(bundle, place, terms)
        mean = value.mean(1, keepdim=True)
        deviation = value.std(1, correction=0, keepdim=True).clamp_min(1e-12)
        free = ~held[place]
        if node.is_product:
            edges = int(free.view(inputs, -1).any(1).sum()) or 1
            inner[place] = torch.where(free, inner[place] / deviation ** (1 / edges), inner[place])
            value = value / deviation
        elif node.inner == "free":
            edges = int(free.view(inputs, -1).any(1).sum()) or 1  # the basis values of an input sum to 1
            inner[place] = torch.where(free, (inner[place] - mean / edges) / deviation, inner[place])
            value = (value - mean) / deviation
        else:
            inner[place] = inner[place] / deviation
            value = value / deviation
        low, high = value.amin(1), value.amax(1)
        reach = GRID_MARGIN * (high - low) + 1e-12
        ends.append(torch.stack([low - reach, high + reach], 1))
    if not ends:
        return bundle
    return replace(bundle, inner=tuple(inner), ends=torch.stack(ends, 1))


def solve_linear_part(
    bundle: NetworkBatch,
    terms: InputTerms,
    targets: Tensor,
    root: Float[Tensor, " batch"],
    ridge: float = RIDGE,
) -> NetworkBatch:
    """Solve for the coefficients of all edges into the output, for fixed values of the nodes."""
    at = forward(bundle, terms)
    columns = linear_jacobian(bundle, terms, at) * root[:, None]
    held = bundle.held[bundle.inner_size :]
    columns = columns.masked_fill(held, 0.0)
    matrix = columns.mT @ columns
    pull = 10 * ridge * matrix.diagonal(dim1=1, dim2=2).mean(1, keepdim=True) + 1e-300
    wanted = columns.mT @ (targets * root)[..., None]
    pulled = matrix + torch.diag_embed(torch.where(held, 1.0, pull.expand(-1, matrix.shape[1])))
    found = torch.linalg.solve(pulled, wanted)[..., 0]
    old = bundle.flat
    inner = old[:, : bundle.inner_size]
    return bundle.replace_coefficients(
        torch.cat([inner, torch.where(held, old[:, bundle.inner_size :], found)], 1)
    )


def subdivide_grids(bundle: NetworkBatch, terms: InputTerms) -> NetworkBatch:
    """Return the same functions on grids with twice as many intervals (subdivision by Lane and Riesenfeld).

    Args:
        bundle: Networks on the coarse grid.
        terms: Input terms on the coarse grid.
    """
    order, inputs = terms.order, terms.values.shape[1]
    inner = tuple(
        _subdivide_coefficients(part, inputs, order) if node.inner == "free" else part
        for node, part in zip(bundle.nodes, bundle.inner, strict=True)
    )
    outer = tuple(
        _subdivide_coefficients(part, 1, order) if node.is_curved else part
        for node, part in zip(bundle.nodes, bundle.outer, strict=True)
    )
    direct = (
        _subdivide_coefficients(bundle.direct, inputs, order) if bundle.direct.shape[1] else bundle.direct
    )
    finer = replace(bundle, inner=inner, outer=outer, direct=direct)
    return replace(finer, held=_subdivide_held(bundle, finer))


def _subdivide_coefficients(coefficients: Tensor, curves: int, order: int) -> Tensor:
    pieces = coefficients.view(len(coefficients), curves, -1).repeat_interleave(2, 2)
    for _ in range(order):
        pieces = (pieces[..., 1:] + pieces[..., :-1]) / 2
    return pieces.flatten(1)


def _subdivide_held(coarse: NetworkBatch, finer: NetworkBatch) -> Bool[Tensor, " P"]:
    """Return the mask of held coefficients on the finer grid."""
    pieces = torch.split(coarse.held, [part.shape[1] for part in coarse.coefficient_groups])
    sizes = [part.shape[1] for part in finer.coefficient_groups]
    return torch.cat([_stretch_mask(piece, size) for piece, size in zip(pieces, sizes, strict=True)])


def _stretch_mask(held: Tensor, size: int) -> Tensor:
    if not len(held) or not bool(held.any()):
        return torch.zeros(size, dtype=torch.bool)
    places = torch.arange(size) * len(held) // size
    return held[places]
