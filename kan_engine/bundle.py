"""Many small networks of one shape fitted at once: every step of Levenberg-Marquardt is one batch.

All of them see the same rows on the same grids of the inputs, so these basis values are computed once;
targets may differ, as transforms of one target do. A network is Σ g(Σ f(x)) over its hidden nodes, plus
Σ f(x) over the direct edges if there are any. What differs between networks has a leading axis ``start``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.basis import uniform_spacing
from kan_engine.features import evaluate
from kan_engine.network import KAN, KANConfig
from kan_engine.spline import extend_knots, fit_coef, uniform_grid

RIDGE = 1e-11  # of the mean square of a term, so that what no row decides stays small
DAMPING, EASED, STIFFENED = 1e-2, 0.2, 5.0  # at first, and its factor after a step that was taken, or not
LEAST_DAMPING, MOST_DAMPING = 1e-14, 1e10
MARGIN = 0.02  # of its range, by which the grid of a node reaches beyond its values
GAIN, PATIENCE = 1e-3, 5  # share by which a step has to lower the loss, and how often it may fail to
FLOOR = 1e-8  # of the largest mean square of a coefficient's slope, below which damping does not fall


@dataclass(frozen=True)
class Terms:
    """What the networks share: the basis values of the inputs, and the knots that they belong to."""

    values: Float[Tensor, "batch in_dim terms"]
    knots: Float[Tensor, "in_dim knots"]
    order: int

    @staticmethod
    def of(x: Float[Tensor, "batch in_dim"], knots: Float[Tensor, "in_dim knots"], order: int) -> Terms:
        """The basis functions on these knots, without the base function."""
        found, _ = evaluate(x, knots, order, uniform_spacing(knots, order))
        return Terms(found[..., :-1].contiguous(), knots, order)

    @property
    def flat(self) -> Float[Tensor, "batch _"]:
        """Those of all inputs in a row."""
        return self.values.flatten(1)

    @property
    def grid_size(self) -> int:
        """Number of grid intervals G."""
        return self.values.shape[2] - self.order


@dataclass(frozen=True)
class Bundle:
    """Coefficients of all networks.

    Attributes:
        inner: Of the edges into the hidden nodes, input by input.
        outer: Of the edges that leave them.
        ends: Range of their grids.
        direct: Of the direct edges; no columns where there are none.
        constant: Added to the output.
    """

    inner: Float[Tensor, "start nodes coefficients"]
    outer: Float[Tensor, "start nodes terms"]
    ends: Float[Tensor, "start nodes 2"]
    direct: Float[Tensor, "start _"]
    constant: Float[Tensor, "start 1"]

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """All coefficients, the linear ones last."""
        return self.inner.flatten(1), self.outer.flatten(1), self.direct, self.constant

    @property
    def flat(self) -> Float[Tensor, "start P"]:
        """All coefficients of each network in a row."""
        return torch.cat(self.parts, 1)

    def with_flat(self, values: Float[Tensor, "start P"]) -> Bundle:
        """The networks with these coefficients."""
        inner, outer, direct, constant = torch.split(values, [part.shape[1] for part in self.parts], 1)
        return replace(
            self,
            inner=inner.reshape(self.inner.shape),
            outer=outer.reshape(self.outer.shape),
            direct=direct,
            constant=constant,
        )


def started(
    terms: Terms, curves: Float[Tensor, "start in_dim terms"], generator: torch.Generator, *, direct: bool
) -> Bundle:
    """Networks of one hidden node that adds up random multiples of given curves.

    Args:
        terms: Those of the rows.
        curves: Coefficients of a curve per input, for every network.
        generator: Source of the multiples.
        direct: Whether there are direct edges.
    """
    count, inputs, size = curves.shape
    slopes = torch.empty(count, inputs, dtype=torch.float64).uniform_(-1, 1, generator=generator)
    slopes = slopes.sign() * (0.3 + 0.7 * slopes.abs())
    none = terms.values.new_zeros
    return Bundle(
        inner=(slopes[..., None] * curves).flatten(1).unsqueeze(1),
        outer=none(count, 1, size),
        ends=torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(count, 1, 1),
        direct=none(count, inputs * size if direct else 0),
        constant=none(count, 1),
    )


@torch.no_grad()
def fitted(
    bundle: Bundle,
    terms: Terms,
    targets: Float[Tensor, "start batch"],
    weights: Float[Tensor, " batch"],
    *,
    steps: int,
    rounds: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Bundle:
    """Fit every network to its targets.

    Each round begins with the grids of the nodes laid around their values and with all linear coefficients
    solved for.

    Args:
        bundle: Where they start.
        terms: Those of the rows.
        targets: One row of targets per network, on the unit scale.
        weights: Of the rows.
        steps: Most steps of a round.
        rounds: How many of these.
        should_stop: Asked after every step.
    """
    root = (weights / weights.sum()).sqrt()
    for _ in range(rounds):
        bundle = _solved(_settled(bundle, terms), terms, targets, root)
        bundle = _descended(bundle, terms, targets, root, steps, should_stop)
        if should_stop():
            break
    return bundle


def outputs(bundle: Bundle, terms: Terms) -> Float[Tensor, "start batch"]:
    """What the networks give."""
    return _passed(bundle, terms)[0]


def _passed(bundle: Bundle, terms: Terms) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, terms of the hidden nodes, and the slopes of the outputs in the nodes."""
    nodes = bundle.inner @ terms.flat.T  # (start, nodes, batch)
    low, high = bundle.ends.flatten(0, 1).unbind(1)
    knots = extend_knots(uniform_grid(low, high, terms.grid_size), terms.order)
    x = nodes.flatten(0, 1).T.contiguous()
    found = evaluate(x, knots, terms.order, uniform_spacing(knots, terms.order))
    basis, derivative = (part[..., :-1].transpose(0, 1).view(*nodes.shape, -1) for part in found)
    total = torch.einsum("skbt,skt->sb", basis, bundle.outer) + bundle.constant
    if bundle.direct.shape[1]:
        total = total + bundle.direct @ terms.flat.T
    return total, basis, torch.einsum("skbt,skt->skb", derivative, bundle.outer)


def _jacobian(bundle: Bundle, terms: Terms, basis: Tensor, slopes: Tensor) -> Float[Tensor, "start batch P"]:
    """Derivatives of the outputs, in the order of ``flat``."""
    inner = torch.einsum("skb,bc->sbkc", slopes, terms.flat).flatten(2)
    return torch.cat([inner, _linear(bundle, terms, basis)], 2)


def _linear(bundle: Bundle, terms: Terms, basis: Tensor) -> Float[Tensor, "start batch _"]:
    """Those in what enters the output, which do not depend on it."""
    outer = basis.transpose(1, 2).flatten(2)
    shared = terms.flat if bundle.direct.shape[1] else terms.flat[:, :0]
    return torch.cat([outer, shared.expand(len(outer), *shared.shape), torch.ones_like(outer[..., :1])], 2)


def _descended(
    bundle: Bundle,
    terms: Terms,
    targets: Tensor,
    root: Tensor,
    steps: int,
    should_stop: Callable[[], bool],
) -> Bundle:
    """Levenberg-Marquardt: each network has its own damping, and takes a step only if its loss falls."""
    damping = torch.full_like(bundle.constant, DAMPING)
    slow = torch.zeros(len(targets), dtype=torch.long)
    found, basis, slopes = _passed(bundle, terms)
    loss = ((found - targets) * root).square().sum(1)
    for _ in range(steps):
        jacobian = _jacobian(bundle, terms, basis, slopes) * root[:, None]
        residual = ((found - targets) * root)[..., None]
        shift = _step(jacobian, residual, damping, bundle.flat)
        trial = bundle.with_flat(bundle.flat + shift)
        passed = _passed(trial, terms)
        reached = ((passed[0] - targets) * root).square().sum(1)
        better = reached < loss  # false for what is not a number
        slow = torch.where(reached < (1 - GAIN) * loss, 0, slow + 1)
        loss = torch.where(better, reached, loss)
        bundle = bundle.with_flat(_picked(better, trial.flat, bundle.flat))
        found, basis, slopes = (
            _picked(better, new, old) for new, old in zip(passed, (found, basis, slopes), strict=True)
        )
        damping = (damping * torch.where(better, EASED, STIFFENED)[:, None]).clamp(
            LEAST_DAMPING, MOST_DAMPING
        )
        if bool((slow >= PATIENCE).all()) or should_stop():
            break
    return bundle


def _picked(which: Bool[Tensor, " start"], new: Tensor, old: Tensor) -> Tensor:
    return torch.where(which.view(-1, *[1] * (new.ndim - 1)), new, old)


def _step(jacobian: Tensor, residual: Tensor, damping: Tensor, values: Tensor) -> Float[Tensor, "start P"]:
    """(JᵀJ + ridge + μ·diag) s = -gradient; no step where the matrix cannot be factored."""
    matrix = jacobian.mT @ jacobian
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    ridge = RIDGE * diagonal.mean(1, keepdim=True)
    scale = torch.maximum(diagonal, FLOOR * diagonal.amax(1, keepdim=True) + 1e-300)
    gradient = (jacobian.mT @ residual)[..., 0] + ridge * values
    factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag_embed(damping * scale + ridge))
    shift = -torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    return torch.where((failed == 0)[:, None] & shift.isfinite().all(1, keepdim=True), shift, 0.0)


def _settled(bundle: Bundle, terms: Terms) -> Bundle:
    """Hidden nodes standardised, and their grids laid around them; what leaves them is to be solved for."""
    nodes = bundle.inner @ terms.flat.T
    deviation = nodes.std(2, correction=0, keepdim=True).clamp_min(1e-12)
    mean = nodes.mean(2, keepdim=True)
    inner = (bundle.inner - mean / terms.values.shape[1]) / deviation  # the terms of an input sum to 1
    nodes = (nodes - mean) / deviation
    low, high = nodes.amin(2), nodes.amax(2)
    reach = MARGIN * (high - low)
    return replace(bundle, inner=inner, ends=torch.stack([low - reach, high + reach], 2))


def _solved(bundle: Bundle, terms: Terms, targets: Tensor, root: Tensor) -> Bundle:
    """The coefficients of all edges into the output at their best for what the nodes are."""
    _, basis, _ = _passed(bundle, terms)
    linear = _linear(bundle, terms, basis) * root[:, None]
    matrix = linear.mT @ linear
    ridge = 10 * RIDGE * matrix.diagonal(dim1=1, dim2=2).mean(1, keepdim=True) + 1e-300
    wanted = linear.mT @ (targets * root)[..., None]
    held = matrix + torch.diag_embed(ridge.expand(-1, matrix.shape[1]))
    found = torch.linalg.solve(held, wanted)[..., 0]
    return bundle.with_flat(torch.cat([bundle.inner.flatten(1), found], 1))


def curve_through(terms: Terms, values: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "in_dim terms"]:
    """Coefficients of a curve per input through given values."""
    columns = [fit_coef(terms.values[:, i], values[:, i : i + 1], ridge=1e-9) for i in range(values.shape[1])]
    return torch.cat(columns, 1).T


@torch.no_grad()
def network_of(bundle: Bundle, place: int, terms: Terms) -> KAN:
    """One of the networks as a KAN."""
    nodes = bundle.inner.shape[1]
    inputs, size = terms.values.shape[1:]
    direct = bool(bundle.direct.shape[1])
    config = KANConfig(width=(inputs, nodes, 1), grid_size=terms.grid_size, order=terms.order, direct=direct)
    network = KAN(config)
    first, last = network.stack
    first.knots = terms.knots.clone()
    first.weight[:, :-1] = bundle.inner[place].view(nodes, inputs, size).permute(1, 2, 0)
    low, high = bundle.ends[place].unbind(1)
    last.knots = extend_knots(uniform_grid(low, high, terms.grid_size), terms.order)
    last.weight[:, :-1, 0] = bundle.outer[place] + bundle.constant[place] / nodes
    if network.direct is not None:
        network.direct.knots = terms.knots.clone()
        network.direct.weight[:, :-1, 0] = bundle.direct[place].view(inputs, size)
    return network
