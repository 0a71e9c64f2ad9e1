"""Which small shape is adequate: additive laws first, then one hidden node, judged by refinement.

A shape is adequate if its validation error keeps falling when the grid is refined; an inadequate
one stalls at a constant. Every shape is tried on transforms of the target, since a logarithm turns
a product of activations into their sum.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.bundle import Terms, curve_through, fitted, network_of, outputs, started
from kan_engine.grid import update_grid_
from kan_engine.network import KAN, KANConfig, copied, initialise_
from kan_engine.penalty import Penalty
from kan_engine.pruning import drop_dead_edges_, edge_scores
from kan_engine.scaling import TRANSFORMS, TargetScaler, is_defined
from kan_engine.spline import extend_knots, uniform_grid
from kan_engine.training import Rows, Step, TrainingConfig, train

GRIDS = (4, 8, 16)
FINE_GRIDS = (32, 64)  # for the network that is served
SCREENING_ROWS = 400  # enough for a coarse grid
SCREENING_STEPS = 12  # of each round
SCREENING_MARGIN = 0.01  # of the range of an input, by which its grid reaches beyond it
SCREENED = 6  # shapes that survive the coarse grid and are fitted in full
GOOD_ENOUGH = 2e-4  # error at which a shape is adequate without a look at its slope
STALLED = 0.9  # what an error falls to per doubling of the grid, at least, to be refined further
TRANSFORM_ROWS = 20  # fewer rows cannot tell a transform of the target from chance
CROSS_STEPS = 20  # of a refit without a fold, which starts near its end
NEGLIGIBLE = 2e-5  # error that elimination may leave, whatever it was before
HOPEFUL, SLOPE = 1.5e-3, 5.0  # or: below this, and falling by this factor over the last doubling


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A small network: its hidden nodes, whether inputs also reach the output directly, T of T(y)."""

    hidden: int
    direct: bool
    transform: str
    order: int = 3

    def width(self, inputs: int) -> tuple[int, ...]:
        """Nodes per layer."""
        return (inputs, self.hidden, 1) if self.hidden else (inputs, 1)


ADDITIVE = Shape(hidden=0, direct=False, transform="identity")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted shape.

    Attributes:
        errors: Validation RMSE over the spread of the target, after every grid of the schedule.
        history: Steps of the training, in the scale of T(y).
    """

    shape: Shape
    network: KAN
    scaler: TargetScaler
    errors: tuple[float, ...]
    history: tuple[Step, ...] = ()

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


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of the search: scaled inputs, the raw inputs behind them, and the raw target."""

    x: Float[Tensor, "batch in_dim"]
    raw: Float[Tensor, "batch in_dim"]
    y: Float[Tensor, "batch 1"]
    weights: Float[Tensor, " batch"]

    def __getitem__(self, places: Tensor | slice) -> "Sample":
        return Sample(x=self.x[places], raw=self.raw[places], y=self.y[places], weights=self.weights[places])


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
    seen = torch.cat([training.y, validation.y]).numpy()
    offered = TRANSFORMS if len(training.x) >= TRANSFORM_ROWS else ("identity",)
    transforms = tuple(transform for transform in offered if is_defined(transform, seen))
    found = []
    for transform in transforms:
        if should_stop():
            break
        shape = Shape(hidden=0, direct=False, transform=transform, order=order)
        found.append(additive(training, validation, generator, should_stop, shape=shape))
    yield from sorted(found, key=lambda fit: fit.error)
    yield from _one_node(training, validation, transforms, generator, order, should_stop)


def additive(
    training: Sample,
    validation: Sample,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    shape: Shape = ADDITIVE,
) -> Fit:
    """A structure without hidden nodes; of the target itself if no other shape is given."""
    config = KANConfig(width=shape.width(training.x.shape[1]), grid_size=GRIDS[0], order=shape.order)
    network = KAN(config)
    initialise_(network, generator, noise=0.1)
    update_grid_(network, training.x)
    return _fit(shape, training, validation, network, GRIDS, 8, should_stop=should_stop)


def _one_node(
    training: Sample,
    validation: Sample,
    transforms: tuple[str, ...],
    generator: torch.Generator,
    order: int,
    should_stop: Callable[[], bool],
) -> Iterator[Fit]:
    """T(y) = g(Σ f(x)), with and without direct edges: screened on a coarse grid, the best refined."""
    screened: list[Fit] = []
    names = tuple(t for t in transforms if t in ("identity", "log", "log_neg", "square", "reciprocal"))
    for direct in (False, True):
        if should_stop():
            return
        shapes = [Shape(hidden=1, direct=direct, transform=name, order=order) for name in names]
        screened += _screened(shapes, training[:SCREENING_ROWS], validation, generator, should_stop)
    screened.sort(key=lambda fit: fit.error)
    for fit in screened[:SCREENED]:
        if should_stop():
            return
        yield _fit(fit.shape, training, validation, fit.network, GRIDS, 40, should_stop=should_stop)


def _screened(
    shapes: list[Shape],
    training: Sample,
    validation: Sample,
    generator: torch.Generator,
    should_stop: Callable[[], bool],
) -> Iterator[Fit]:
    """Rough fits on a coarse grid of shapes that differ only in their transforms, several starts of each."""
    low, high = training.x.amin(0), training.x.amax(0)
    reach = SCREENING_MARGIN * (high - low)
    knots = extend_knots(uniform_grid(low - reach, high + reach, GRIDS[0]), shapes[0].order)
    terms, judged = (Terms.of(sample.x, knots, shapes[0].order) for sample in (training, validation))
    curves = [curve_through(terms, values) for values in _starting_values(training)]
    scalers = [TargetScaler.fit(training.y.numpy(), shape.transform) for shape in shapes]
    targets = [torch.from_numpy(scaler.forward(training.y.numpy()))[:, 0] for scaler in scalers]
    bundle = fitted(
        started(terms, torch.stack(curves * len(shapes)), generator, direct=shapes[0].direct),
        terms,
        torch.stack(targets).repeat_interleave(len(curves), 0),
        training.weights,
        steps=SCREENING_STEPS,
        rounds=2,
        should_stop=should_stop,
    )
    spread, found = _spread(validation), outputs(bundle, judged)
    for place, output in enumerate(found):
        shape, scaler = shapes[place // len(curves)], scalers[place // len(curves)]
        reached = error_of(scaler.inverse(output[:, None].numpy()), validation, spread)
        yield Fit(shape=shape, network=network_of(bundle, place, terms), scaler=scaler, errors=(reached,))


def _starting_values(sample: Sample) -> list[Float[Tensor, "batch in_dim"]]:
    """What nodes first add up multiples of, standardised: the inputs, their logarithms and their squares."""
    values = [sample.x, sample.x, sample.x.square()]
    if float(sample.raw.min()) > 0:
        values.append(sample.raw.log())
    return [(v - v.mean(0)) / v.std(0).clamp_min(1e-12) for v in values]


def _fit(
    shape: Shape,
    training: Sample,
    validation: Sample,
    network: KAN,
    grids: tuple[int, ...],
    steps: int,
    *,
    scaler: TargetScaler | None = None,
    should_stop: Callable[[], bool],
) -> Fit:
    """Train on each grid in turn and keep the network of the grid with the lowest validation error."""
    scaler = scaler or TargetScaler.fit(training.y.numpy(), shape.transform)
    targets = torch.from_numpy(scaler.forward(training.y.numpy()))
    rows = Rows.of(training.x, targets, training.weights)
    spread = _spread(validation)
    best, errors, history = network, list[float](), list[Step]()
    for grid in grids:
        if len(training.x) < 2 * len(training.x[0]) * (grid + 3) and errors:
            break  # a finer grid would have more coefficients than the rows can carry
        config = TrainingConfig(
            optimizer="levenberg_marquardt",
            grid_schedule=(grid,),
            steps=steps,
            patience=steps,
            penalty=Penalty(ridge=1e-13),
        )
        network = copied(network)
        for step in train(network, rows, config, should_stop=should_stop):
            history.append(replace(step, number=len(history)))
        errors.append(validation_error(network, scaler, validation, spread))
        if errors[-1] == min(errors):
            best = network
        is_stalled = shape.hidden and len(errors) > 1 and errors[-1] > STALLED * errors[-2]
        if is_stalled or should_stop():
            break
    return Fit(shape=shape, network=best, scaler=scaler, errors=tuple(errors), history=tuple(history))


def cross_error(
    fit: Fit,
    rows: Sample,
    folds: Int[Tensor, " batch"],
    should_stop: Callable[[], bool] = lambda: False,
) -> float:
    """RMSE over the spread of the target on rows that the shape has not seen, in turn every fold.

    The shape is fitted again without each fold, on its last grid, from where it is.

    Args:
        fit: A fitted shape.
        rows: All rows.
        folds: Fold of every row, from 0 on.
        should_stop: Asked after every step; what is fitted by then is judged.
    """
    spread, squares = _spread(rows), 0.0
    for fold in range(int(folds.max()) + 1):
        held = rows[folds == fold]
        grids = (fit.network.stack[0].grid_size,)
        again = _fit(
            fit.shape,
            rows[folds != fold],
            held,
            fit.network,
            grids,
            CROSS_STEPS,
            scaler=fit.scaler,
            should_stop=should_stop,
        )
        squares += float(held.weights.sum()) * (again.error * _spread(held)) ** 2
    return float(np.sqrt(squares / float(rows.weights.sum())) / spread)


def _spread(sample: Sample) -> float:
    """Standard deviation of the target; 1 where it does not vary."""
    return float(sample.y.std(correction=0)) or 1.0


@torch.no_grad()
def validation_error(network: KAN, scaler: TargetScaler, sample: Sample, spread: float) -> float:
    """Weighted RMSE in the target's own units over its spread; infinite where T⁻¹ leaves the numbers."""
    return error_of(scaler.inverse(network(sample.x).numpy()), sample, spread)


def error_of(predicted: np.ndarray, sample: Sample, spread: float) -> float:
    """The same of given predictions."""
    with np.errstate(all="ignore"):
        squares = np.square(predicted - sample.y.numpy())[:, 0]
        error = float(np.sqrt(np.average(squares, weights=sample.weights.numpy())))
    return error / spread if np.isfinite(error) else float("inf")


def eliminate(
    fit: Fit, training: Sample, validation: Sample, should_stop: Callable[[], bool] = lambda: False
) -> Fit:
    """Backward elimination: drop edges from the least important on while the validation error does not rise.

    Every removal is followed by a short refit on the present grid. Once ``should_stop`` is true, the
    edges that are left stay.
    """
    spread = _spread(validation)
    targets = torch.from_numpy(fit.scaler.forward(training.y.numpy()))
    rows = Rows.of(training.x, targets, training.weights)
    config = TrainingConfig(
        optimizer="levenberg_marquardt", steps=10, patience=10, penalty=Penalty(ridge=1e-13)
    )
    for layer, i, j in _edges_by_score(fit.network, training.x):
        if should_stop():
            break
        network = copied(fit.network)
        network.all_layers[layer].mask[i, j] = False
        drop_dead_edges_(network)
        if not all(bool(later.mask.any()) for later in network.stack):
            continue
        for _ in train(network, rows, config, should_stop=should_stop):
            pass
        error = validation_error(network, fit.scaler, validation, spread)
        if error <= max(1.01 * fit.error, NEGLIGIBLE):
            fit = replace(fit, network=network, errors=(error,))
    return fit


def sharpen(
    fit: Fit, training: Sample, validation: Sample, should_stop: Callable[[], bool] = lambda: False
) -> Fit:
    """The same shape on finer grids, as long as the validation error falls and the rows carry them."""
    for grid in FINE_GRIDS:
        if should_stop():
            break
        finer = _fit(
            fit.shape,
            training,
            validation,
            fit.network,
            (grid,),
            15,
            scaler=fit.scaler,
            should_stop=should_stop,
        )
        if len(training.x) < 3 * finer.network.parameter_count or finer.error > STALLED * fit.error:
            break
        later = (replace(step, number=len(fit.history) + step.number) for step in finer.history)
        fit = replace(finer, errors=(*fit.errors, finer.error), history=(*fit.history, *later))
    return fit


def _edges_by_score(network: KAN, x: Tensor) -> list[tuple[int, int, int]]:
    scores = edge_scores(network, x)
    places = [
        (float(scores[number][i, j]), (number, i, j))
        for number, layer in enumerate(network.all_layers)
        for i, j in torch.nonzero(layer.mask).tolist()
    ]
    return [place for _, place in sorted(places)]
