"""Levenberg-Marquardt for a batch of networks; each network has its own damping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.numerics.damped_least_squares import Damping, NormalEquations, Point, descend
from kan_engine.numerics.work import charge_network
from kan_engine.structure.batched_networks import (
    ForwardPass,
    InputTerms,
    NetworkBatch,
    forward,
    jacobian,
    linear_jacobian,
    node_values,
)
from kan_engine.structure.thresholds import StructureThresholds


@torch.no_grad()
def fit_batch(
    bundle: NetworkBatch,
    terms: InputTerms,
    targets: Float[Tensor, "start batch"],
    weights: Float[Tensor, " batch"],
    *,
    steps: int,
    rounds: int,
    thresholds: StructureThresholds,
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
        thresholds: Decision numbers of the fit.
        should_stop: Called after every step; once true, the fit ends.
    """
    # Weights of sum 1 make the objective a mean; residuals are multiplied by their roots
    root = (weights / weights.sum()).sqrt()
    for _ in range(rounds):
        bundle = solve_linear_part(standardize_nodes(bundle, terms), terms, targets, root, thresholds.ridge)
        if not bundle.nodes:
            break
        bundle = _minimize_loss(bundle, _FitRows(terms, targets, root, thresholds), steps, should_stop)
        if should_stop():
            break
    return bundle


def _minimize_loss(
    bundle: NetworkBatch, rows: _FitRows, steps: int, should_stop: Callable[[], bool]
) -> NetworkBatch:
    """Run one round of steps."""
    point, limits = _BatchPoint.build(bundle, rows), rows.thresholds
    slow = torch.zeros(len(rows.targets), dtype=torch.long)
    damping = Damping.start(limits.damping, len(rows.targets))
    for step in descend(point, damping, steps=steps, should_stop=should_stop):
        point = step.point
        # A round ends when no network of the batch has made a sizeable step for some time
        slow = torch.where(step.gain > limits.min_relative_gain, 0, slow + 1)
        if bool((slow >= limits.max_slow_steps).all()):
            break
    return point.bundle


@dataclass(frozen=True, eq=False)
class _FitRows:
    """Rows to fit: terms of the inputs, targets of each network, roots of the weights."""

    terms: InputTerms
    targets: Float[Tensor, "start batch"]
    root: Float[Tensor, " batch"]
    thresholds: StructureThresholds


@dataclass(frozen=True, eq=False)
class _BatchPoint(Point):
    """Networks of a batch, with their values and losses on the rows."""

    bundle: NetworkBatch
    rows: _FitRows
    at: ForwardPass
    objective: Float[Tensor, " start"]

    @staticmethod
    def build(bundle: NetworkBatch, rows: _FitRows) -> _BatchPoint:
        charge_network(bundle.flat.numel() * len(rows.root))
        at = forward(bundle, rows.terms)
        return _BatchPoint(bundle, rows, at, ((at.total - rows.targets) * rows.root).square().sum(1))

    def linearize(self) -> NormalEquations:
        bundle, rows = self.bundle, self.rows
        # Columns of held coefficients are 0, so that they take part in no step
        slopes = jacobian(bundle, rows.terms, self.at) * rows.root[:, None]
        if bool(bundle.held.any()):
            slopes = slopes.masked_fill(bundle.held, 0.0)
        residual = ((self.at.total - rows.targets) * rows.root)[..., None]
        matrix = slopes.mT @ slopes
        # Ridge relative to the mean square of the derivatives, which determines what the rows leave open
        pull = rows.thresholds.ridge * matrix.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
        gradient = (slopes.mT @ residual)[..., 0] + pull * bundle.flat.masked_fill(bundle.held, 0.0)
        return NormalEquations(matrix, gradient, pull)

    def move(self, step: Float[Tensor, "start P"]) -> _BatchPoint:
        coefficients = self.bundle.flat + torch.where(self.bundle.held, 0.0, step)
        return _BatchPoint.build(self.bundle.replace_coefficients(coefficients), self.rows)

    def merge(self, is_accepted: Bool[Tensor, " start"], proposal: _BatchPoint) -> _BatchPoint:
        coefficients = _select_per_network(is_accepted, proposal.bundle.flat, self.bundle.flat)
        return _BatchPoint(
            self.bundle.replace_coefficients(coefficients),
            self.rows,
            _merge_passes(is_accepted, proposal.at, self.at),
            torch.where(is_accepted, proposal.objective, self.objective),
        )


def _merge_passes(is_new: Bool[Tensor, " start"], new: ForwardPass, old: ForwardPass) -> ForwardPass:
    if bool(is_new.all()):
        return new
    # Every network has its own damping: some accept a step that others reject
    pairs = zip(new.others, old.others, strict=True)
    return ForwardPass(
        _select_per_network(is_new, new.total, old.total),
        tuple(_select_per_network(is_new, *pair) for pair in zip(new.bases, old.bases, strict=True)),
        tuple(_select_per_network(is_new, *pair) for pair in zip(new.slopes, old.slopes, strict=True)),
        tuple(None if n is None or o is None else _select_per_network(is_new, n, o) for n, o in pairs),
    )


def _select_per_network(
    is_new: Bool[Tensor, " start"], new: Float[Tensor, " start *dims"], old: Float[Tensor, " start *dims"]
) -> Float[Tensor, " start *dims"]:
    return torch.where(is_new.view(-1, *[1] * (new.ndim - 1)), new, old)


def standardize_nodes(
    bundle: NetworkBatch, terms: InputTerms, *, node_grid_margin: float = 0.02
) -> NetworkBatch:
    """Standardize the hidden nodes and move their grids to their values.

    The coefficients of their output edges no longer fit: call ``solve_linear_part`` afterwards.

    Args:
        node_grid_margin: Of the range of a node, added to its grid on both sides.
    """
    inner, ends = list(bundle.inner), []
    inputs = terms.values.shape[1]
    masks = torch.split(bundle.held, [part.shape[1] for part in bundle.coefficient_groups])
    for place, node in enumerate(bundle.nodes):
        value, _ = node_values(bundle, place, terms)
        mean = value.mean(1, keepdim=True)
        deviation = value.std(1, correction=0, keepdim=True).clamp_min(1e-12)
        free = ~masks[place]
        # A product shares its scale equally among its factors; no factor could take up a mean
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
        # The grid reaches beyond the values, so that they stay on it during the next steps
        low, high = value.amin(1), value.amax(1)
        reach = node_grid_margin * (high - low) + 1e-12
        ends.append(torch.stack([low - reach, high + reach], 1))
    if not ends:
        return bundle
    return replace(bundle, inner=tuple(inner), ends=torch.stack(ends, 1))


def solve_linear_part(
    bundle: NetworkBatch,
    terms: InputTerms,
    targets: Float[Tensor, "start batch"],
    root: Float[Tensor, " batch"],
    ridge: float,
) -> NetworkBatch:
    """Solve for the coefficients of all edges into the output, for fixed values of the nodes."""
    at = forward(bundle, terms)
    # Weighted least squares in the coefficients that the output is linear in
    columns = linear_jacobian(bundle, terms, at) * root[:, None]
    mask = bundle.held[bundle.inner_size :]
    columns = columns.masked_fill(mask, 0.0)
    matrix = columns.mT @ columns
    # Ridge relative to the mean diagonal; the tiny constant keeps it positive where all columns are 0
    pull = 10 * ridge * matrix.diagonal(dim1=1, dim2=2).mean(1, keepdim=True) + 1e-300
    right_side = columns.mT @ (targets * root)[..., None]
    # Held coefficients have zero columns; a unit diagonal keeps the system regular
    system = matrix + torch.diag_embed(torch.where(mask, 1.0, pull.expand(-1, matrix.shape[1])))
    solution = torch.linalg.solve(system, right_side)[..., 0]
    old = bundle.flat
    inner = old[:, : bundle.inner_size]
    return bundle.replace_coefficients(
        torch.cat([inner, torch.where(mask, old[:, bundle.inner_size :], solution)], 1)
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


def _subdivide_coefficients(
    coefficients: Float[Tensor, "start coarse"], curves: int, order: int
) -> Float[Tensor, "start fine"]:
    # Lane-Riesenfeld: repeat every coefficient, then average neighbours as often as the order
    pieces = coefficients.view(len(coefficients), curves, -1).repeat_interleave(2, 2)
    for _ in range(order):
        pieces = (pieces[..., 1:] + pieces[..., :-1]) / 2
    return pieces.flatten(1)


def _subdivide_held(coarse: NetworkBatch, finer: NetworkBatch) -> Bool[Tensor, " P"]:
    """Return the mask of held coefficients on the finer grid."""
    pieces = torch.split(coarse.held, [part.shape[1] for part in coarse.coefficient_groups])
    sizes = [part.shape[1] for part in finer.coefficient_groups]
    return torch.cat([_stretch_mask(piece, size) for piece, size in zip(pieces, sizes, strict=True)])


def _stretch_mask(mask: Bool[Tensor, " coarse"], size: int) -> Bool[Tensor, " fine"]:
    if not len(mask) or not bool(mask.any()):
        return torch.zeros(size, dtype=torch.bool)
    # A fine coefficient is held where the coarse one at its place is
    places = torch.arange(size) * len(mask) // size
    return mask[places]
