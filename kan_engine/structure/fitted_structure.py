"""A small network that is fitted to rows: its shape, the grids of its inputs, its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from kan_engine.cost import DOUBLE_BYTES, MiB
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TargetScaler
from kan_engine.network.kan import KAN
from kan_engine.splines.knots import extend_knots, robust_range, uniform_grid
from kan_engine.structure.batched_levenberg_marquardt import fit_batch
from kan_engine.structure.batched_networks import (
    InputTerms,
    NetworkBatch,
    Node,
    compute_outputs,
    extract_network,
)
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE, StructureThresholds
from kan_engine.training.loop import TrainingStep


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Shape of a small network.

    Attributes:
        nodes: Hidden nodes.
        direct: Whether direct edges connect the inputs to the output.
        transform: Name of the target transform T.
        order: Order of the splines.
    """

    nodes: tuple[Node, ...] = ()
    direct: bool = True
    transform: str = "identity"
    order: int = 3

    @property
    def is_simple(self) -> bool:
        """Whether a node uses given curves instead of free splines."""
        return any(node.inner != "free" for node in self.nodes)


@dataclass(frozen=True, kw_only=True)
class StructureRows:
    """Rows of the structure search.

    Attributes:
        rows: The rows, as formulas take them.
        x: Scaled inputs.
    """

    rows: LabelledRows
    x: Float[Tensor, "batch in_dim"]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: Shaped[np.ndarray, " selection"] | slice) -> StructureRows:
        return StructureRows(rows=self.rows[places], x=self.x[places])

    @cached_property
    def raw(self) -> Float[Tensor, "batch in_dim"]:
        """Raw inputs."""
        return torch.from_numpy(np.ascontiguousarray(self.rows.x))

    @cached_property
    def y(self) -> Float[Tensor, "batch 1"]:
        """Raw target."""
        return torch.from_numpy(self.rows.y)[:, None]

    @cached_property
    def weights(self) -> Float[Tensor, " batch"]:
        """Weights of the rows."""
        return torch.from_numpy(self.rows.weights)

    @cached_property
    def spread(self) -> float:
        """Weighted standard deviation of the target; 1 if it does not vary."""
        shares = self.weights / self.weights.sum()
        target = self.y[:, 0]
        return float((shares * (target - shares @ target) ** 2).sum().sqrt()) or 1.0


@dataclass(frozen=True, eq=False)
class InputGrids:
    """Ranges of the input grids and scales of the given curves, both from the training rows.

    Isolated values do not extend the grids; curves continue to them along their tangents.

    Attributes:
        training: The training rows.
        order: Order of the splines.
        thresholds: Decision numbers of all structures on these grids.
    """

    training: StructureRows
    order: int
    thresholds: StructureThresholds = DEFAULT_STRUCTURE

    def terms(self, sample: StructureRows, grid: int) -> InputTerms:
        """Evaluate the basis and the given curves at the rows of a sample."""
        knots = extend_knots(uniform_grid(*self._ends, grid, self.thresholds.grids), self.order)
        curves = {
            name: (kind(sample.raw) - mean) / deviation
            for name, (kind, mean, deviation) in self._curve_scales.items()
        }
        return InputTerms.build(sample.x, knots, self.order, curves)

    @cached_property
    def _ends(self) -> tuple[Float[Tensor, " in_dim"], Float[Tensor, " in_dim"]]:
        grids = self.thresholds.grids
        low, high = robust_range(self.training.x)
        return low - grids.margin * (high - low), high + grids.margin * (high - low)

    @cached_property
    def _curve_scales(
        self,
    ) -> dict[str, tuple[Callable[[Tensor], Tensor], Float[Tensor, " in_dim"], Float[Tensor, " in_dim"]]]:
        raw = self.training.raw
        kinds: dict[str, Callable[[Tensor], Tensor]] = {"line": lambda u: u, "square": torch.square}
        # A logarithm needs positive inputs
        if float(raw.min()) > 0:
            kinds["log"] = torch.log
        values = {name: kind(raw) for name, kind in kinds.items()}
        # Curves of mean 0 and variance 1 make starts comparable between inputs in different units
        return {
            name: (kinds[name], v.mean(0), v.std(0, correction=0).clamp_min(1e-300))
            for name, v in values.items()
        }


@dataclass(frozen=True, kw_only=True)
class FittedStructure:
    """A fitted shape.

    Attributes:
        bundle: Coefficients, as a batch of one network.
        terms: Basis values of the training rows on the current grid.
        errors: Validation RMSE over the spread of the target, after every grid of the schedule.
        history: Losses after each grid, on the unit scale of T(y).
        dropped: For every input that lost its last edge, the errors before and after the removal.
    """

    shape: Shape
    frame: InputGrids
    bundle: NetworkBatch
    terms: InputTerms
    scaler: TargetScaler
    errors: tuple[float, ...]
    history: tuple[TrainingStep, ...] = ()
    dropped: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def network(self) -> KAN:
        """The structure as a KAN."""
        return extract_network(self.bundle, 0, self.terms)

    @property
    def thresholds(self) -> StructureThresholds:
        """Decision numbers, which belong to the grids of the inputs."""
        return self.frame.thresholds

    @property
    def error(self) -> float:
        """Lowest validation error, which is the error of the kept network."""
        return min(self.errors)

    @property
    def is_adequate(self) -> bool:
        """Whether the shape can represent the data.

        Its error is below ``adequate_error``, or below ``promising_error`` and falling at the spline rate.
        """
        limits, errors = self.thresholds, self.errors
        if self.error < limits.adequate_error:
            return True
        is_falling = len(errors) > 1 and errors[-1] * limits.min_error_decrease < errors[-2]
        return self.error < limits.promising_error and is_falling

    def predict(
        self, sample: StructureRows, bundle: NetworkBatch | None = None
    ) -> Float[np.ndarray, " batch"]:
        """Predict the target at other rows, by these or other coefficients on the same grid."""

        def predict_block(part: StructureRows) -> Float[Tensor, "block 1"]:
            return compute_outputs(bundle or self.bundle, self.frame.terms(part, self.terms.grid_size)).T

        return self._predict_in_blocks(predict_block, sample)

    def predict_by_splines(self, sample: StructureRows) -> Float[np.ndarray, " batch"]:
        """Predict the target by ``network``, in which splines replace the given curves."""
        with torch.no_grad():
            return self._predict_in_blocks(lambda part: self.network(part.x), sample)

    def _predict_in_blocks(
        self,
        predict: Callable[[StructureRows], Float[Tensor, "block 1"]],
        sample: StructureRows,
        *,
        block_bytes: int = 16 * MiB,
    ) -> Float[np.ndarray, " batch"]:
        """Predict block by block; ``block_bytes`` of basis values hold all rows of a law search at once."""
        inputs, terms = self.terms.values.shape[1:]
        size = max(1, block_bytes // (DOUBLE_BYTES * inputs * terms))
        blocks = [predict(sample[start : start + size]) for start in range(0, max(1, len(sample)), size)]
        return np.asarray(self.scaler.inverse(torch.cat(blocks).numpy())[:, 0])

    def relative_error(self, sample: StructureRows, bundle: NetworkBatch | None = None) -> float:
        """RMSE over the spread of the target on other rows, by these or other coefficients."""
        return relative_rmse(self.predict(sample, bundle)[:, None], sample)

    def train_coefficients(
        self,
        rows: StructureRows,
        *,
        steps: int,
        rounds: int = 1,
        bundle: NetworkBatch | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> NetworkBatch:
        """Train these or other coefficients on the same grid further and return them.

        Args:
            rows: Rows to fit.
            steps: Maximum number of steps of a round.
            rounds: Number of rounds.
            bundle: Starting coefficients, if not those of the fit.
            should_stop: Called after every step; once true, the training ends.
        """
        terms = self.terms if rows is self.frame.training else self.frame.terms(rows, self.terms.grid_size)
        return fit_batch(
            bundle or self.bundle,
            terms,
            scale_targets(self.scaler, rows)[None],
            rows.weights,
            steps=steps,
            rounds=rounds,
            thresholds=self.thresholds,
            should_stop=should_stop,
        )


def scale_targets(scaler: TargetScaler, rows: StructureRows) -> Float[Tensor, " batch"]:
    """Return the targets of the network: T(y) on the unit scale."""
    return torch.from_numpy(scaler.forward(rows.y.numpy()))[:, 0]


def relative_rmse(predictions: Float[np.ndarray, "batch 1"], sample: StructureRows) -> float:
    """Weighted RMSE of the target over its spread; infinite if T⁻¹ is not finite."""
    with np.errstate(all="ignore"):
        squares = np.square(predictions - sample.y.numpy())[:, 0]
        error = float(np.sqrt(np.average(squares, weights=sample.weights.numpy())))
    return error / sample.spread if np.isfinite(error) else float("inf")
