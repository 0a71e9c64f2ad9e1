"""Search for an adequate small network: additive structures first, then one hidden node, then two or three.

A shape is adequate if its validation error keeps falling as the grid is refined; the error of an inadequate
shape stops falling. Every shape is fitted to transforms of the target, since a logarithm turns a product of
activations into a sum. All starts of a shape, on all transforms, are one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from kan_engine.data.scaling import TRANSFORMS, TargetScaler, is_defined
from kan_engine.structure.batched_levenberg_marquardt import fit_batch, subdivide_grids
from kan_engine.structure.batched_networks import (
    InputTerms,
    NetworkBatch,
    Node,
    compute_outputs,
    initialize_networks,
)
from kan_engine.structure.fitted_structure import (
    FittedStructure,
    InputGrids,
    Shape,
    StructureRows,
    relative_rmse,
    scale_targets,
)
from kan_engine.training.loop import TrainingStep

GRID_SIZES = (4, 8, 16)
FEW_INPUT_GRID_SIZES, MAX_FEW_INPUTS = (8, 16, 32), 2  # with so few inputs, finer grids are cheap
ADDITIVE_GRID_SIZES = (4, 8, 16, 32, 64)  # an additive fit is a linear problem on each
STEPS_PER_GRID = (25, 15, 12)  # per round, by grid
ROUNDS_PER_GRID = 2
SCREENING_ROWS = 400  # enough for a coarse grid
SCREENING_STEPS = 12  # per round
STARTS_PER_NODE_COUNT = 4, 8, 8  # per shape and transform on the coarse grid, by number of nodes
MAX_SCREENED_STARTS = 10, 8  # starts kept after the coarse grid, of shapes with one node and with more
MAX_DUPLICATE_RATIO = 1.02  # between the errors of starts that led to the same network
SIMPLE_SHAPE_FACTOR = 0.5  # factor on the error in the ranking, since given curves are less flexible
MAX_ERROR_RATIO = 0.7  # a doubling of the grid has to lower the error to this share
SUFFICIENT_ERROR = 3e-6  # an error that suffices to extract a formula; the grid is not refined further
MIN_ROWS_FOR_TRANSFORMS = 20  # with fewer rows, a transform may fit better by chance

FREE, LINE, SQUARE, LOG = (Node(inner=inner) for inner in ("free", "line", "square", "log"))
PRODUCT, CURVED_PRODUCT = Node(is_product=True, is_curved=False), Node(is_product=True)
LINE_PRODUCT = Node(is_product=True, inner="line", is_curved=False)
CURVED_LINE_PRODUCT = Node(is_product=True, inner="line")
SIMILAR_ERROR_RATIO = 1.35  # within this ratio of errors, noise may have decided which is lower
SIMPLE_TRANSFORMS = ("identity", "log", "log_neg", "square", "reciprocal")
ANGLE_TRANSFORMS = ("sin", "cos")

Family = tuple[tuple[Node, ...], bool, tuple[str, ...]]
"""Hidden nodes, whether there are direct edges, and the transforms of the target to try."""

ONE_NODE: tuple[Family, ...] = (
    ((LINE,), True, SIMPLE_TRANSFORMS),
    ((SQUARE,), True, SIMPLE_TRANSFORMS),
    ((LOG,), True, SIMPLE_TRANSFORMS),
    ((FREE,), True, SIMPLE_TRANSFORMS),
    ((PRODUCT,), True, (*SIMPLE_TRANSFORMS, *ANGLE_TRANSFORMS)),
    ((LINE,), False, ("identity",)),
    ((SQUARE,), False, ("identity",)),
    ((LOG,), False, ("identity",)),
    ((FREE,), False, ("identity",)),
    ((CURVED_PRODUCT,), False, ("identity", *ANGLE_TRANSFORMS)),
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


ADDITIVE = Shape()


def search_structures(
    training: StructureRows,
    validation: StructureRows,
    *,
    generator: torch.Generator,
    order: int = 3,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[FittedStructure]:
    """Yield fitted structures, from simple to complex; within a stage, the most promising ones first.

    The search is lazy: a caller that obtains an exact formula from an early structure can stop there.

    Args:
        training: Rows to fit.
        validation: Rows that errors are computed on.
        generator: Source of the random starts.
        order: Order of the splines.
        should_stop: Called after every step; once true, the search ends.
    """
    stage = _StructureSearch(training, validation, generator, order, should_stop)
    yield from _order_by_simplicity(list(stage.fit_additive_shapes()))
    if training.x.shape[1] == 1:
        return
    for families, kept in zip((ONE_NODE, TWO_NODES), MAX_SCREENED_STARTS, strict=True):
        screened = [rough for family in families for rough in stage.screen_family(family)]
        for rough in _drop_duplicates(sorted(screened, key=lambda rough: rough.rank), kept):
            if should_stop():
                return
            yield stage.fit_on_grids(rough.shape, rough.bundle)


def _drop_duplicates(screened: list[_ScreenedStart], count: int) -> list[_ScreenedStart]:
    """Return the first ``count`` starts, without those that led to the same network as an earlier one.

    Args:
        screened: Starts by rising rank.
        count: Maximum number of starts.
    """
    found = list[_ScreenedStart]()
    for rough in screened:
        alike = (other for other in found if other.shape == rough.shape)
        if all(rough.rank > MAX_DUPLICATE_RATIO * other.rank for other in alike):
            found.append(rough)
    return found[:count]


def _order_by_simplicity(fits: list[FittedStructure]) -> list[FittedStructure]:
    """Sort by error; structures about as close as the closest come first, simplest transform first."""
    near = SIMILAR_ERROR_RATIO * min((fit.error for fit in fits), default=0.0)
    names = list(TRANSFORMS)
    return sorted(
        fits,
        key=lambda fit: (0, names.index(fit.shape.transform)) if fit.error <= near else (1, fit.error),
    )


def fit_additive_structure(
    training: StructureRows,
    validation: StructureRows,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    transform: str = "identity",
) -> FittedStructure:
    """Fit a structure without hidden nodes.

    Args:
        training: Rows to fit.
        validation: Rows that errors are computed on.
        generator: Not used: an additive structure has no random start.
        should_stop: Called between grids; once true, the fit ends.
        transform: Name of the target transform.
    """
    stage = _StructureSearch(training, validation, generator, ADDITIVE.order, should_stop)
    return stage.fit_additive(transform)


@dataclass(frozen=True)
class _ScreenedStart:
    """A start after the coarse grid.

    Attributes:
        bundle: Coefficients, as a batch of one network.
        rank: Validation error, weighted for the ranking; lower is better.
    """

    shape: Shape
    bundle: NetworkBatch
    rank: float


class _StructureSearch:
    """State of the search: rows, target scalers by transform, and a cache of basis values by grid."""

    def __init__(
        self,
        training: StructureRows,
        validation: StructureRows,
        generator: torch.Generator,
        order: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self.training, self.validation, self.generator = training, validation, generator
        self.frame, self.should_stop = InputGrids(training, order), should_stop
        self.grids = GRID_SIZES if training.x.shape[1] > MAX_FEW_INPUTS else FEW_INPUT_GRID_SIZES
        seen = torch.cat([training.y, validation.y]).numpy()
        offered = TRANSFORMS if len(training.x) >= MIN_ROWS_FOR_TRANSFORMS else ("identity",)
        self.scalers = {
            name: TargetScaler.fit(training.y.numpy(), name) for name in offered if is_defined(name, seen)
        }
        self._terms: dict[int, InputTerms] = {}

    def fit_additive_shapes(self) -> Iterator[FittedStructure]:
        """Fit structures without hidden nodes, for every transform."""
        for transform in self.scalers:
            if self.should_stop():
                return
            yield self.fit_additive(transform)

    def fit_additive(self, transform: str) -> FittedStructure:
        """Fit a structure without hidden nodes on one grid after the other, each a linear problem."""
        shape = replace(ADDITIVE, transform=transform, order=self.frame.order)
        return self.fit_on_grids(
            shape, initialize_networks((), self.terms(ADDITIVE_GRID_SIZES[0]), 1, self.generator, direct=True)
        )

    def screen_family(self, family: Family) -> Iterator[_ScreenedStart]:
        """Fit all starts of a family on the coarse grid, for every transform, in one batch."""
        nodes, direct, transforms = family
        rows = self.training[:SCREENING_ROWS]
        terms, judged = (self.frame.terms(sample, self.grids[0]) for sample in (rows, self.validation))
        names = [
            name
            for name in transforms
            if name in self.scalers
            for _ in range(STARTS_PER_NODE_COUNT[len(nodes) - 1])
        ]
        unknown = any(node.inner not in ("free", *terms.curves) for node in nodes)
        if self.should_stop() or unknown or not names:
            return
        bundle = fit_batch(
            initialize_networks(nodes, terms, len(names), self.generator, direct=direct),
            terms,
            torch.stack([scale_targets(self.scalers[name], rows) for name in names]),
            rows.weights,
            steps=SCREENING_STEPS,
            rounds=ROUNDS_PER_GRID,
            should_stop=self.should_stop,
        )
        found = compute_outputs(bundle, judged)
        for place, name in enumerate(names):
            shape = Shape(nodes=nodes, direct=direct, transform=name, order=self.frame.order)
            error = relative_rmse(self.scalers[name].inverse(found[place][:, None].numpy()), self.validation)
            yield _ScreenedStart(
                shape, bundle[[place]], error * (SIMPLE_SHAPE_FACTOR if shape.is_simple else 1)
            )

    def fit_on_grids(self, shape: Shape, bundle: NetworkBatch) -> FittedStructure:
        """Fit one network on all rows, grid after grid; keep the fit with the lowest validation error."""
        rows, scaler = self.training, self.scalers[shape.transform]
        best: FittedStructure | None = None
        errors, history = list[float](), list[TrainingStep]()
        schedule = (
            zip(self.grids, STEPS_PER_GRID, strict=True)
            if shape.nodes
            else ((grid, 0) for grid in ADDITIVE_GRID_SIZES)
        )
        for grid, steps in schedule:
            if len(rows.x) < 2 * rows.x.shape[1] * (grid + shape.order) and errors:
                break  # too few rows for the coefficients of a finer grid
            if errors:
                bundle = subdivide_grids(bundle, self.terms(grid // 2))
            fit = FittedStructure(
                shape=shape, frame=self.frame, bundle=bundle, terms=self.terms(grid), scaler=scaler, errors=()
            )
            bundle = fit.train_coefficients(
                rows, steps=steps, rounds=ROUNDS_PER_GRID, should_stop=self.should_stop
            )
            fit = replace(fit, bundle=bundle)
            errors.append(fit.relative_error(self.validation))
            loss = (
                float((compute_outputs(bundle, fit.terms) - scale_targets(scaler, rows)).square().mean()) / 2
            )
            history.append(TrainingStep(len(history), grid, loss, errors[-1] ** 2 / 2))
            if best is None or errors[-1] == min(errors):
                best = fit
            is_stalled = len(errors) > 1 and errors[-1] > MAX_ERROR_RATIO * errors[-2]
            is_linear = not shape.nodes and grid < GRID_SIZES[-1]
            if (is_stalled and not is_linear) or errors[-1] < SUFFICIENT_ERROR or self.should_stop():
                break
        assert best is not None  # noqa: S101 - there is a first grid
        return replace(best, errors=tuple(errors), history=tuple(history))

    def terms(self, grid: int) -> InputTerms:
        """Basis values of the training rows on a grid, cached."""
        if grid not in self._terms:
            self._terms[grid] = self.frame.terms(self.training, grid)
        return self._terms[grid]
