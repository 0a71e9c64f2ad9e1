"""Search for an adequate small network: additive structures first, then one hidden node, then two or three.

A shape is adequate if its validation error keeps falling as the grid is refined; the error of an inadequate
shape stops falling. Every shape is fitted to transforms of the target, since a logarithm turns a product of
activations into a sum. All starts of a shape, on all transforms, are one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

import torch

from kan_engine.data.scaling import TargetScaler
from kan_engine.data.transforms import TRANSFORMS, TRANSFORMS_BY_SEARCH, is_defined
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
from kan_engine.structure.thresholds import StructureThresholds
from kan_engine.training.loop import TrainingStep

FREE, LINE, SQUARE, LOG = (Node(inner=inner) for inner in ("free", "line", "square", "log"))
PRODUCT, CURVED_PRODUCT = Node(is_product=True, is_curved=False), Node(is_product=True)
LINE_PRODUCT = Node(is_product=True, inner="line", is_curved=False)
CURVED_LINE_PRODUCT = Node(is_product=True, inner="line")
SIMPLE_TRANSFORMS = TRANSFORMS_BY_SEARCH["structures"]
ANGLE_TRANSFORMS = TRANSFORMS_BY_SEARCH["structures of angles"]

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


def _drop_duplicates(starts: list[_ScreenedStart], count: int, max_ratio: float) -> list[_ScreenedStart]:
    """Return the first ``count`` starts, without those that led to the same network as an earlier one.

    Args:
        starts: Starts by rising rank.
        count: Maximum number of starts.
        max_ratio: Of the ranks of starts of one shape that led to the same network.
    """
    unique_starts = list[_ScreenedStart]()
    # Starts of one shape with almost the same error ended in the same minimum
    for start in starts:
        alike = (rival for rival in unique_starts if rival.shape == start.shape)
        if all(start.rank > max_ratio * rival.rank for rival in alike):
            unique_starts.append(start)
    return unique_starts[:count]


def _order_by_simplicity(fits: list[FittedStructure], equal_factor: float) -> list[FittedStructure]:
    """Sort by error; structures about as close as the closest come first, simplest transform first."""
    # Noise may have decided which of almost equal structures is closest
    near = equal_factor * min((fit.error for fit in fits), default=0.0)
    names = list(TRANSFORMS)
    return sorted(
        fits,
        key=lambda fit: (0, names.index(fit.shape.transform)) if fit.error <= near else (1, fit.error),
    )


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


class StructureSearch:
    """Fits small networks, from simple to complex; a stage is fitted when it is asked for.

    Args:
        training: Rows to fit.
        validation: Rows that errors are computed on.
        generator: Source of the random starts; additive structures have none.
        order: Order of the splines.
        should_stop: Called after every step; once true, no further network is fitted.
        thresholds: Decision numbers of the search and of all structures that it yields.
        max_few_inputs: Inputs up to which finer grids are cheap.
    """

    def __init__(
        self,
        training: StructureRows,
        validation: StructureRows,
        *,
        generator: torch.Generator,
        order: int = 3,
        should_stop: Callable[[], bool] = lambda: False,
        thresholds: StructureThresholds,
        max_few_inputs: int = 2,
    ) -> None:
        self.training, self.validation, self.generator = training, validation, generator
        self.frame, self.should_stop = InputGrids(training, order, thresholds), should_stop
        self.limits = limits = thresholds
        has_few = training.x.shape[1] <= max_few_inputs
        self.grids = limits.few_input_grid_sizes if has_few else limits.grid_sizes
        targets = torch.cat([training.y, validation.y]).numpy()
        transforms = TRANSFORMS if len(training.x) >= limits.min_rows_for_transforms else ("identity",)
        self.scalers = {
            name: TargetScaler.fit(training.y.numpy(), name)
            for name in transforms
            if is_defined(name, targets)
        }
        self._terms: dict[int, InputTerms] = {}

    @cached_property
    def sums(self) -> list[FittedStructure]:
        """Structures without hidden nodes for every transform of the target, the most promising first."""
        fits = [self.fit_additive(name) for name in takewhile(lambda _: not self.should_stop(), self.scalers)]
        return _order_by_simplicity(fits, self.limits.equal_error_factor)

    def iterate_one_node(self) -> Iterator[FittedStructure]:
        """Yield the most promising structures with one hidden node."""
        return self._iterate_families(ONE_NODE, self.limits.max_screened_starts[0])

    def iterate_two_nodes(self) -> Iterator[FittedStructure]:
        """Yield the most promising structures with two or three hidden nodes."""
        return self._iterate_families(TWO_NODES, self.limits.max_screened_starts[1])

    def _iterate_families(
        self,
        families: tuple[Family, ...],
        max_starts: int,
        *,
        max_duplicate_ratio: float = 1.02,
        min_rows_for_nodes: int = 30,
    ) -> Iterator[FittedStructure]:
        """Yield fitted structures, from few hidden nodes to many.

        Args:
            max_duplicate_ratio: Between the errors of starts that led to the same network.
            min_rows_for_nodes: Fewer rows do not determine hidden nodes; short formulas are tried instead.
        """
        if self.training.x.shape[1] == 1 or len(self.training.x) < min_rows_for_nodes:
            return
        starts = [start for family in families for start in self.screen_family(family)]
        starts.sort(key=lambda start: start.rank)
        for start in _drop_duplicates(starts, max_starts, max_duplicate_ratio):
            if self.should_stop():
                return
            yield self.fit_on_grids(start.shape, start.bundle)

    def fit_additive(self, transform: str = "identity") -> FittedStructure:
        """Fit a structure without hidden nodes on one grid after the other, each a linear problem."""
        shape = replace(ADDITIVE, transform=transform, order=self.frame.order)
        terms = self.terms(self.limits.additive_grid_sizes[0])
        return self.fit_on_grids(shape, initialize_networks((), terms, 1, self.generator, direct=True))

    def screen_family(self, family: Family, *, screening_rows: int = 400) -> Iterator[_ScreenedStart]:
        """Fit all starts of a family on the coarse grid, for every transform, in one batch.

        Args:
            screening_rows: Rows to fit of a start; enough for a coarse grid.
        """
        nodes, direct, transforms = family
        limits, rows = self.limits, self.training[:screening_rows]
        terms, validation_terms = (
            self.frame.terms(sample, self.grids[0]) for sample in (rows, self.validation)
        )
        names = [
            name
            for name in transforms
            if name in self.scalers
            for _ in range(limits.starts_per_node_count[len(nodes) - 1])
        ]
        unknown = any(node.inner not in ("free", *terms.curves) for node in nodes)
        if self.should_stop() or unknown or not names:
            return
        # All starts on all transforms differ in targets and coefficients only: one batch fits them
        bundle = fit_batch(
            initialize_networks(nodes, terms, len(names), self.generator, direct=direct),
            terms,
            torch.stack([scale_targets(self.scalers[name], rows) for name in names]),
            rows.weights,
            steps=limits.screening_steps,
            rounds=limits.rounds_per_grid,
            thresholds=limits,
            should_stop=self.should_stop,
        )
        outputs = compute_outputs(bundle, validation_terms)
        for place, name in enumerate(names):
            shape = Shape(nodes=nodes, direct=direct, transform=name, order=self.frame.order)
            error = relative_rmse(
                self.scalers[name].inverse(outputs[place][:, None].numpy()), self.validation
            )
            rank = error * (limits.simple_shape_factor if shape.is_simple else 1)
            yield _ScreenedStart(shape, bundle[[place]], rank)

    def fit_on_grids(
        self,
        shape: Shape,
        bundle: NetworkBatch,
        *,
        min_rows_per_coefficient: int = 2,
        max_grid_error_ratio: float = 0.7,
        sufficient_error: float = 3e-6,
    ) -> FittedStructure:
        """Fit one network on all rows, grid after grid; keep the fit with the lowest validation error.

        Args:
            min_rows_per_coefficient: Below which a finer grid is not tried.
            max_grid_error_ratio: Of the errors after and before a doubling of the grid, above which the error
                has stopped falling.
            sufficient_error: Suffices to extract a formula; the grid is not refined further.
        """
        rows, scaler, limits = self.training, self.scalers[shape.transform], self.limits
        best: FittedStructure | None = None
        errors, history = list[float](), list[TrainingStep]()
        schedule = (
            zip(self.grids, limits.steps_per_grid, strict=True)
            if shape.nodes
            else ((grid, 0) for grid in limits.additive_grid_sizes)
        )
        for grid, steps in schedule:
            min_rows = min_rows_per_coefficient * rows.x.shape[1] * (grid + shape.order)
            if len(rows.x) < min_rows and errors:
                break  # too few rows for the coefficients of a finer grid
            # Subdivision keeps the function: training goes on where the coarser grid ended
            if errors:
                bundle = subdivide_grids(bundle, self.terms(grid // 2))
            fit = FittedStructure(
                shape=shape, frame=self.frame, bundle=bundle, terms=self.terms(grid), scaler=scaler, errors=()
            )
            bundle = fit.train_coefficients(
                rows, steps=steps, rounds=limits.rounds_per_grid, should_stop=self.should_stop
            )
            fit = replace(fit, bundle=bundle)
            errors.append(fit.relative_error(self.validation))
            loss = (
                float((compute_outputs(bundle, fit.terms) - scale_targets(scaler, rows)).square().mean()) / 2
            )
            # A power of an error beyond 1e154 would be an OverflowError; a product is infinite
            history.append(TrainingStep(len(history), grid, loss, errors[-1] * errors[-1] / 2))
            if best is None or errors[-1] == min(errors):
                best = fit
            is_stalled = len(errors) > 1 and errors[-1] > max_grid_error_ratio * errors[-2]
            # Additive fits are linear problems: coarse grids that stall end nothing
            is_linear = not shape.nodes and grid < limits.grid_sizes[-1]
            is_sufficient = errors[-1] < sufficient_error
            if (is_stalled and not is_linear) or is_sufficient or self.should_stop():
                break
        assert best is not None  # noqa: S101 - there is a first grid
        return replace(best, errors=tuple(errors), history=tuple(history))

    def terms(self, grid: int) -> InputTerms:
        """Basis values of the training rows on a grid, cached."""
        if grid not in self._terms:
            self._terms[grid] = self.frame.terms(self.training, grid)
        return self._terms[grid]
