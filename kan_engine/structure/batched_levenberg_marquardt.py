"""Levenberg-Marquardt for a batch of networks; each network has its own damping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.structure.batched_networks import Bundle, Passed, Terms, jacobian, linear, node_values, passed

RIDGE = 1e-11  # relative to the mean square of a term; keeps undetermined coefficients small
DAMPING, EASED, STIFFENED = 1e-2, 0.2, 5.0  # at first; its factors after accepted and rejected steps
LEAST_DAMPING, MOST_DAMPING = 1e-14, 1e10
MARGIN = 0.02  # of the range of a node, added to its grid on both sides
GAIN, PATIENCE = 1e-3, 5  # relative reduction of the loss; consecutive steps that may miss it
FLOOR = 1e-8  # lower bound of the damping scale, over the largest diagonal entry of JᵀJ


@torch.no_grad()
def fitted(
    bundle: Bundle,
    terms: Terms,
    targets: Float[Tensor, "start batch"],
    weights: Float[Tensor, " batch"],
    *,
    steps: int,
    rounds: int,
    ridge: float = RIDGE,
    should_stop: Callable[[], bool] = lambda: False,
) -> Bundle:
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
        bundle = solved(settled(bundle, terms), terms, targets, root, ridge)
        if not bundle.nodes:
            break
        bundle = _descended(bundle, terms, targets, root, steps, ridge, should_stop)
        if should_stop():
            break
    return bundle


def _descended(
    bundle: Bundle,
    terms: Terms,
    targets: Tensor,
    root: Tensor,
    steps: int,
    ridge: float,
    should_stop: Callable[[], bool],
) -> Bundle:
    """Run one round of steps; a network accepts a step only if its loss falls."""
    damping = torch.full_like(bundle.constant, DAMPING)
    slow = torch.zeros(len(targets), dtype=torch.long)
    at = passed(bundle, terms)
    loss = ((at.total - targets) * root).square().sum(1)
    for _ in range(steps):
        slopes = jacobian(bundle, terms, at) * root[:, None]
        residual = ((at.total - targets) * root)[..., None]
        trial = bundle.with_flat(bundle.flat + _step(slopes, residual, damping, bundle, ridge))
        there = passed(trial, terms)
        reached = ((there.total - targets) * root).square().sum(1)
        better = reached < loss  # false for NaN
        slow = torch.where(reached < (1 - GAIN) * loss, 0, slow + 1)
        loss = torch.where(better, reached, loss)
        bundle = bundle.with_flat(_picked(better, trial.flat, bundle.flat))
        at = _merged(better, there, at)
        factor = torch.where(better, EASED, STIFFENED)[:, None]
        damping = (damping * factor).clamp(LEAST_DAMPING, MOST_DAMPING)
        if bool((slow >= PATIENCE).all()) or should_stop():
            break
    return bundle


def _merged(which: Bool[Tensor, " start"], new: Passed, old: Passed) -> Passed:
    if bool(which.all()):
        return new
    pairs = zip(new.others, old.others, strict=True)
    return Passed(
        _picked(which, new.total, old.total),
        tuple(_picked(which, *pair) for pair in zip(new.bases, old.bases, strict=True)),
        tuple(_picked(which, *pair) for pair in zip(new.slopes, old.slopes, strict=True)),
        tuple(None if n is None or o is None else _picked(which, n, o) for n, o in pairs),
    )


def _picked(which: Bool[Tensor, " start"], new: Tensor, old: Tensor) -> Tensor:
    return torch.where(which.view(-1, *[1] * (new.ndim - 1)), new, old)


def _step(
    slopes: Tensor, residual: Tensor, damping: Tensor, bundle: Bundle, ridge: float
) -> Float[Tensor, "start P"]:
    """Solve (JᵀJ + ridge + μ·diag) s = -gradient; the step is 0 if the factorization fails."""
    if bool(bundle.held.any()):
        slopes = slopes.masked_fill(bundle.held, 0.0)
    matrix = slopes.mT @ slopes
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    pull = ridge * diagonal.mean(1, keepdim=True)
    scale = torch.maximum(diagonal, FLOOR * diagonal.amax(1, keepdim=True) + 1e-300)
    gradient = (slopes.mT @ residual)[..., 0] + pull * bundle.flat.masked_fill(bundle.held, 0.0)
    factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag_embed(damping * scale + pull))
    shift = -torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    good = (failed == 0)[:, None] & shift.isfinite().all(1, keepdim=True)
    return torch.where(good & ~bundle.held, shift, 0.0)


def settled(bundle: Bundle, terms: Terms) -> Bundle:
    """Standardize the hidden nodes and move their grids to their values.

    The coefficients of their output edges no longer fit: call ``solve_linear_part`` afterwards.
    """
    inner, ends = list(bundle.inner), []
    inputs = terms.values.shape[1]
    held = torch.split(bundle.held, [part.shape[1] for part in bundle.parts])
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
        reach = MARGIN * (high - low) + 1e-12
        ends.append(torch.stack([low - reach, high + reach], 1))
    if not ends:
        return bundle
    return replace(bundle, inner=tuple(inner), ends=torch.stack(ends, 1))


def solved(
    bundle: Bundle, terms: Terms, targets: Tensor, root: Float[Tensor, " batch"], ridge: float = RIDGE
) -> Bundle:
    """Solve for the coefficients of all edges into the output, for fixed values of the nodes."""
    at = passed(bundle, terms)
    columns = linear(bundle, terms, at) * root[:, None]
    held = bundle.held[bundle.inner_size :]
    columns = columns.masked_fill(held, 0.0)
    matrix = columns.mT @ columns
    pull = 10 * ridge * matrix.diagonal(dim1=1, dim2=2).mean(1, keepdim=True) + 1e-300
    wanted = columns.mT @ (targets * root)[..., None]
    pulled = matrix + torch.diag_embed(torch.where(held, 1.0, pull.expand(-1, matrix.shape[1])))
    found = torch.linalg.solve(pulled, wanted)[..., 0]
    old = bundle.flat
    inner = old[:, : bundle.inner_size]
    return bundle.with_flat(torch.cat([inner, torch.where(held, old[:, bundle.inner_size :], found)], 1))


def refined(bundle: Bundle, terms: Terms) -> Bundle:
    """Return the same functions on grids with twice as many intervals (subdivision by Lane and Riesenfeld).

    Args:
        bundle: Networks on the coarse grid.
        terms: Input terms on the coarse grid.
    """
    order, inputs = terms.order, terms.values.shape[1]
    inner = tuple(
        _subdivided(part, inputs, order) if node.inner == "free" else part
        for node, part in zip(bundle.nodes, bundle.inner, strict=True)
    )
    outer = tuple(
        _subdivided(part, 1, order) if node.is_curved else part
        for node, part in zip(bundle.nodes, bundle.outer, strict=True)
    )
    direct = _subdivided(bundle.direct, inputs, order) if bundle.direct.shape[1] else bundle.direct
    finer = replace(bundle, inner=inner, outer=outer, direct=direct)
    return replace(finer, held=_held_again(bundle, finer))


def _subdivided(coefficients: Tensor, curves: int, order: int) -> Tensor:
    pieces = coefficients.view(len(coefficients), curves, -1).repeat_interleave(2, 2)
    for _ in range(order):
        pieces = (pieces[..., 1:] + pieces[..., :-1]) / 2
    return pieces.flatten(1)


def _held_again(coarse: Bundle, finer: Bundle) -> Bool[Tensor, " P"]:
    """Return the mask of held coefficients on the finer grid."""
    pieces = torch.split(coarse.held, [part.shape[1] for part in coarse.parts])
    sizes = [part.shape[1] for part in finer.parts]
    return torch.cat([_stretched(piece, size) for piece, size in zip(pieces, sizes, strict=True)])


def _stretched(held: Tensor, size: int) -> Tensor:
    if not len(held) or not bool(held.any()):
        return torch.zeros(size, dtype=torch.bool)
    places = torch.arange(size) * len(held) // size
    return held[places]
