"""Which small network is adequate: additive laws first, then one hidden node, then two, judged by refinement.

A shape is adequate if its validation error keeps falling when the grid is refined; an inadequate one stalls
at a constant. Every shape is tried on transforms of the target, since a logarithm turns a product of
activations into their sum. All starts of a shape, on all transforms, are one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.data.scaling import TRANSFORMS, TargetScaler, is_defined
from kan_engine.network.kan import KAN
from kan_engine.splines.knots import extend_knots, robust_range, uniform_grid
from kan_engine.structure.batched_levenberg_marquardt import fitted, refined
from kan_engine.structure.batched_networks import Bundle, Node, Terms, network_of, outputs, started
from kan_engine.training.loop import Step

GRIDS = (4, 8, 16)
GRIDS_OF_FEW, FEW = (8, 16, 32), 2  # where the inputs are so few that finer grids cost little
FINE_GRIDS = (4, 8, 16, 32, 64)  # where each is a linear problem
STEPS = (25, 15, 12)  # of each of two rounds, by grid
ROUNDS = 2
SCREENING_ROWS = 400  # enough for a coarse grid
SCREENING_STEPS = 12  # of each round
STARTS = 4, 8, 8  # of every shape and transform on the coarse grid, by its nodes
MARGIN = 0.01  # of the range of an input, by which its grid reaches beyond it
SCREENED = 10, 8  # of shapes with one node, and with two, how many survive the coarse grid
SAME = 1.02  # factor between errors of starts that led to one network
SIMPLER = 0.5  # what the error of a shape with given curves counts in the ranking: it cannot imitate as much
GOOD_ENOUGH = 2e-4  # error at which a shape is adequate without a look at its slope
HOPEFUL, SLOPE = 1.5e-3, 5.0  # or: below this, and falling by this factor over the last doubling
STALLED = 0.7  # what an error falls to per doubling of the grid, at least, to be refined further
SHARP = 3e-6  # error that needs no finer grid for a formula to be read
TRANSFORM_ROWS = 20  # fewer rows cannot tell a transform of the target from chance

FREE, LINE, SQUARE, LOG = (Node(inner=inner) for inner in ("free", "line", "square", "log"))
PRODUCT, CURVED_PRODUCT = Node(is_product=True, is_curved=False), Node(is_product=True)
LINE_PRODUCT = Node(is_product=True, inner="line", is_curved=False)
CURVED_LINE_PRODUCT = Node(is_product=True, inner="line")
ALIKE = 1.35  # factor of errors within which noise may have decided which is lower
SIMPLE_TRANSFORMS = ("identity", "log", "log_neg", "square", "reciprocal")
ANGLES = ("sin", "cos")

Family = tuple[tuple[Node, ...], bool, tuple[str, ...]]
"""Hidden nodes, whether there are direct edges, and the transforms to try."""

ONE_NODE: tuple[Family, ...] = (
    ((LINE,), True, SIMPLE_TRANSFORMS),
    ((SQUARE,), True, SIMPLE_TRANSFORMS),
    ((LOG,), True, SIMPLE_TRANSFORMS),
    ((FREE,), True, SIMPLE_TRANSFORMS),
    ((PRODUCT,), True, (*SIMPLE_TRANSFORMS, *ANGLES)),
    ((LINE,), False, ("identity",)),
    ((SQUARE,), False, ("identity",)),
    ((LOG,), False, ("identity",)),
    ((FREE,), False, ("identity",)),
    ((CURVED_PRODUCT,), False, ("identity", *ANGLES)),
    ((CURVED_LINE_PRODUCT,), True, SIMPLE_TRANSFORMS),
)
TWO_NODES: tuple[Family, ...] = (
    ((PRODUCT, PRODUCT), True, SIMPLE_TRANSFORMS),
    ((LINE, LINE), True, SIMPLE_TRANSFORMS),
    ((FREE, FREE), True, SIMPLE_TRANSFORMS),
    ((LINE, PRODUCT), True, SIMPLE_TRANSFORMS),
    ((FREE, PRODUCT), True, SIMPLE_TRANSFORMS),
    ((LOG, LINE), True, SIMPLE_TRANSFORMS),
    ((LOG, LOG), True, SIMPLE_TRANSFORMS),
    ((LOG, PRODUCT), True, SIMPLE_TRANSFORMS),
    ((CURVED_LINE_PRODUCT, LINE_PRODUCT), False, ("identity",)),
    ((PRODUCT, PRODUCT, PRODUCT), False, ("identity",)),
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A small network: its hidden nodes, whether inputs also reach the output directly, T of T(y)."""

    nodes: tuple[Node, ...] = ()
    direct: bool = True
    transform: str = "identity"
    order: int = 3

    @property
    def is_simple(self) -> bool:
        """Whether a node takes given curves."""
        return any(node.inner != "free" for node in self.nodes)


ADDITIVE = Shape()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of the search: scaled inputs, the raw inputs behind them, and the raw target."""

    x: Float[Tensor, "batch in_dim"]
    raw: Float[Tensor, "batch in_dim"]
    y: Float[Tensor, "batch 1"]
    weights: Float[Tensor, " batch"]

    def __getitem__(self, places: Tensor | slice) -> Sample:
        return Sample(x=self.x[places], raw=self.raw[places], y=self.y[places], weights=self.weights[places])

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the target; 1 where it does not vary."""
        return float(self.y.std(correction=0)) or 1.0


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the grids of the inputs lie, and the scales of the given curves: both by the training rows.

    Isolated values stretch no grid: curves go on to them along their tangents.
    """

    training: Sample
    order: int

    def terms(self, sample: Sample, grid: int) -> Terms:
        """Basis values and given curves at some rows."""
        knots = extend_knots(uniform_grid(*self._ends, grid), self.order)
        curves = {
            name: (kind(sample.raw) - mean) / deviation
            for name, (kind, mean, deviation) in self._kinds.items()
        }
        return Terms.of(sample.x, knots, self.order, curves)

    @cached_property
    def _ends(self) -> tuple[Tensor, Tensor]:
        low, high = robust_range(self.training.x)
        return low - MARGIN * (high - low), high + MARGIN * (high - low)

    @cached_property
    def _kinds(self) -> dict[str, tuple[Callable[[Tensor], Tensor], Tensor, Tensor]]:
        raw = self.training.raw
        kinds: dict[str, Callable[[Tensor], Tensor]] = {"line": lambda u: u, "square": torch.square}
        if float(raw.min()) > 0:
            kinds["log"] = torch.log
        values = {name: kind(raw) for name, kind in kinds.items()}
        return {
            name: (kinds[name], v.mean(0), v.std(0, correction=0).clamp_min(1e-300))
            for name, v in values.items()
        }


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted shape.

    Attributes:
        bundle: Its coefficients, alone in a bundle.
        terms: Basis values of the training rows on the grid of these.
        errors: Validation RMSE over the spread of the target, after every grid of the schedule.
        history: What each grid reached, in the scale of T(y).
        dropped: Error before and after, of every input that the last of its edges was taken from.
    """

    shape: Shape
    frame: Frame
    bundle: Bundle
    terms: Terms
    scaler: TargetScaler
    errors: tuple[float, ...]
    history: tuple[Step, ...] = ()
    dropped: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def network(self) -> KAN:
        """The fit as a KAN."""
        return network_of(self.bundle, 0, self.terms)

    @property
    def error(self) -> float:
        """Lowest of the errors: that of the network kept."""
        return min(self.errors)

    @property
    def is_adequate(self) -> bool:
        """Whether the shape can represent the data: its error is tiny, or falls at the spline rate."""
        if self.error < GOOD_ENOUGH:
            return True
        falling = len(self.errors) > 1 and self.errors[-1] * SLOPE < self.errors[-2]
        return self.error < HOPEFUL and falling

    def predict(self, sample: Sample, bundle: Bundle | None = None) -> Float[np.ndarray, " batch"]:
        """The target at other rows, by these or other coefficients on this grid."""
        output = outputs(bundle or self.bundle, self.frame.terms(sample, self.terms.grid_size))
        return self.scaler.inverse(output.T.numpy())[:, 0]

    def predict_by_splines(self, sample: Sample) -> Float[np.ndarray, " batch"]:
        """The same by the network, whose activations are splines throughout."""
        with torch.no_grad():
            return np.asarray(self.scaler.inverse(self.network(sample.x).numpy())[:, 0])

    def error_on(self, sample: Sample, bundle: Bundle | None = None) -> float:
        """RMSE over the spread of the target on other rows, of these or other coefficients on this grid."""
        return error_of(self.predict(sample, bundle)[:, None], sample)

    def trained(
        self,
        rows: Sample,
        *,
        steps: int,
        rounds: int = 1,
        bundle: Bundle | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Bundle:
        """The coefficients, or other ones on this grid, trained further on these rows."""
        terms = self.terms if rows is self.frame.training else self.frame.terms(rows, self.terms.grid_size)
        return fitted(
            bundle or self.bundle,
            terms,
            targets_of(self.scaler, rows)[None],
            rows.weights,
            steps=steps,
            rounds=rounds,
            should_stop=should_stop,
        )


def search(
    training: Sample,
    validation: Sample,
    *,
    generator: torch.Generator,
    order: int = 3,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Fit]:
    """Fits of small shapes, from simple to rich and from promising to less so within a stage.

    The caller takes as many as it needs: an exact formula from an early one makes the rest moot.

    Args:
        training: Rows to fit.
        validation: Rows to judge on.
        generator: Source of the random starts.
        order: Order of the splines.
        should_stop: Asked after every step; true ends the search.
    """
    stage = _Search(training, validation, generator, order, should_stop)
    yield from _simplest_first(list(stage.additive()))
    if training.x.shape[1] == 1:
        return
    for families, kept in zip((ONE_NODE, TWO_NODES), SCREENED, strict=True):
        screened = [rough for family in families for rough in stage.screened(family)]
        for rough in _different(sorted(screened, key=lambda rough: rough.rank), kept):
            if should_stop():
                return
            yield stage.refined(rough.shape, rough.bundle)


def _different(screened: list[_Rough], count: int) -> list[_Rough]:
    """The first of these, without starts of a shape that led to the same network as an earlier one."""
    found = list[_Rough]()
    for rough in screened:
        alike = (other for other in found if other.shape == rough.shape)
        if all(rough.rank > SAME * other.rank for other in alike):
            found.append(rough)
    return found[:count]


def _simplest_first(fits: list[Fit]) -> list[Fit]:
    """In order of their errors, but those that are about as close as the closest by their transforms."""
    near = ALIKE * min((fit.error for fit in fits), default=0.0)
    names = list(TRANSFORMS)
    return sorted(
        fits,
        key=lambda fit: (0, names.index(fit.shape.transform)) if fit.error <= near else (1, fit.error),
    )


def additive(
    training: Sample,
    validation: Sample,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    transform: str = "identity",
) -> Fit:
    """A structure without hidden nodes; of the target itself if no transform is given."""
    stage = _Search(training, validation, generator, ADDITIVE.order, should_stop)
    return stage.fit_additive(transform)


@dataclass(frozen=True)
class _Rough:
    """A start on the coarse grid: its network alone in a bundle, and its place in the ranking."""

    shape: Shape
    bundle: Bundle
    rank: float


class _Search:
    """What all trials share: rows, transforms, and the basis values on every grid."""

    def __init__(
        self,
        training: Sample,
        validation: Sample,
        generator: torch.Generator,
        order: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self.training, self.validation, self.generator = training, validation, generator
        self.frame, self.should_stop = Frame(training, order), should_stop
        self.grids = GRIDS if training.x.shape[1] > FEW else GRIDS_OF_FEW
        seen = torch.cat([training.y, validation.y]).numpy()
        offered = TRANSFORMS if len(training.x) >= TRANSFORM_ROWS else ("identity",)
        self.scalers = {
            name: TargetScaler.fit(training.y.numpy(), name) for name in offered if is_defined(name, seen)
        }
        self._terms: dict[int, Terms] = {}

    def additive(self) -> Iterator[Fit]:
        """Without hidden nodes, for every transform."""
        for transform in self.scalers:
            if self.should_stop():
                return
            yield self.fit_additive(transform)

    def fit_additive(self, transform: str) -> Fit:
        """On one grid after the other; each is a linear problem."""
        shape = replace(ADDITIVE, transform=transform, order=self.frame.order)
        return self.refined(shape, started((), self.terms(FINE_GRIDS[0]), 1, self.generator, direct=True))

    def screened(self, family: Family) -> Iterator[_Rough]:
        """Rough fits on the coarse grid, several starts for every transform, all in one batch."""
        nodes, direct, transforms = family
        rows = self.training[:SCREENING_ROWS]
        terms, judged = (self.frame.terms(sample, self.grids[0]) for sample in (rows, self.validation))
        names = [name for name in transforms if name in self.scalers for _ in range(STARTS[len(nodes) - 1])]
        unknown = any(node.inner not in ("free", *terms.curves) for node in nodes)
        if self.should_stop() or unknown or not names:
            return
        bundle = fitted(
            started(nodes, terms, len(names), self.generator, direct=direct),
            terms,
            torch.stack([targets_of(self.scalers[name], rows) for name in names]),
            rows.weights,
            steps=SCREENING_STEPS,
            rounds=ROUNDS,
            should_stop=self.should_stop,
        )
        found = outputs(bundle, judged)
        for place, name in enumerate(names):
            shape = Shape(nodes=nodes, direct=direct, transform=name, order=self.frame.order)
            error = error_of(self.scalers[name].inverse(found[place][:, None].numpy()), self.validation)
            yield _Rough(shape, bundle[[place]], error * (SIMPLER if shape.is_simple else 1))

    def refined(self, shape: Shape, bundle: Bundle) -> Fit:
        """Fit one network on all rows, grid after grid; what had the lowest validation error is kept."""
        rows, scaler = self.training, self.scalers[shape.transform]
        best: Fit | None = None
        errors, history = list[float](), list[Step]()
        schedule = zip(self.grids, STEPS, strict=True) if shape.nodes else ((grid, 0) for grid in FINE_GRIDS)
        for grid, steps in schedule:
            if len(rows.x) < 2 * rows.x.shape[1] * (grid + shape.order) and errors:
                break  # a finer grid would have more coefficients than the rows can carry
            if errors:
                bundle = refined(bundle, self.terms(grid // 2))
            fit = Fit(
                shape=shape, frame=self.frame, bundle=bundle, terms=self.terms(grid), scaler=scaler, errors=()
            )
            bundle = fit.trained(rows, steps=steps, rounds=ROUNDS, should_stop=self.should_stop)
            fit = replace(fit, bundle=bundle)
            errors.append(fit.error_on(self.validation))
            loss = float((outputs(bundle, fit.terms) - targets_of(scaler, rows)).square().mean()) / 2
            history.append(Step(len(history), grid, loss, errors[-1] ** 2 / 2))
            if best is None or errors[-1] == min(errors):
                best = fit
            is_stalled = len(errors) > 1 and errors[-1] > STALLED * errors[-2]
            is_linear = not shape.nodes and grid < GRIDS[-1]
            if (is_stalled and not is_linear) or errors[-1] < SHARP or self.should_stop():
                break
        assert best is not None  # noqa: S101 - there is a first grid
        return replace(best, errors=tuple(errors), history=tuple(history))

    def terms(self, grid: int) -> Terms:
        """Basis values of the training rows."""
        if grid not in self._terms:
            self._terms[grid] = self.frame.terms(self.training, grid)
        return self._terms[grid]


def targets_of(scaler: TargetScaler, rows: Sample) -> Float[Tensor, " batch"]:
    """What the network is to give, on the unit scale."""
    return torch.from_numpy(scaler.forward(rows.y.numpy()))[:, 0]


def error_of(predicted: Float[np.ndarray, "batch 1"], sample: Sample) -> float:
    """Weighted RMSE in the target's own units over its spread; infinite where T⁻¹ leaves the numbers."""
    with np.errstate(all="ignore"):
        squares = np.square(predicted - sample.y.numpy())[:, 0]
        error = float(np.sqrt(np.average(squares, weights=sample.weights.numpy())))
    return error / sample.spread if np.isfinite(error) else float("inf")
