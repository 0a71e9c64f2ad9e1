"""Ranked closed forms of the direct edges of a network, and what the extraction of formulas has to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import Expression, Variable
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.reading.closed_forms import LOGARITHMS, Effort, has_close_form, search_forms
from kan_engine.formulas.reading.curve_form import PLACEHOLDER, ROUNDING_ERROR, CurveForm
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, suggest


@dataclass(frozen=True, kw_only=True)
class ExtractionContext:
    """Data, units and limits for the extraction of formulas from a network.

    Attributes:
        fit: Rows with the raw column of each network input, for refits.
        validation: Those that formulas are compared on.
        scaled: Network inputs of the rows of ``fit``.
        output: Index of the network output.
        center: T(y) at network output 0.
        scale: Change of T(y) per unit of the network output.
        transform: Name of the target transform T.
        known: Noise model of the curves of the network.
        limits: What the formula may contain.
        fixed: Required library function of an edge, by layer of ``all_layers``, input and output.
        should_stop: Called between fits and refits; once it returns true, no more candidates are searched.
        axes: Fit points by column, made when needed; copies of the context share them and their fits.
    """

    fit: LabelledRows
    validation: LabelledRows
    scaled: torch.Tensor
    output: int
    center: float
    scale: float
    transform: str
    known: NoiseModel
    limits: FormulaConstraints = NO_CONSTRAINTS
    fixed: Mapping[tuple[int, int, int], str] = field(default_factory=dict)
    should_stop: Callable[[], bool] = lambda: False
    axes: dict[str, FitPoints] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def network_target(self) -> Float[Array, " rows"]:
        """T(y) - ``center`` of the rows of ``fit``."""
        return np.asarray(TRANSFORMS[self.transform].forward(self.fit.y) - self.center)

    @property
    def logarithms(self) -> Sequence[Fraction]:
        """Every s for which parts log(F)/s are searched: all if T(y) is the logarithm of ±y, else none."""
        return LOGARITHMS if TRANSFORMS[self.transform].is_logarithm else ()

    def accepts_candidate(self, edge: CurveForm, max_noisy_complexity: int = 9) -> bool:
        """Whether a candidate may be part of the formula.

        Under noise with several inputs, which hides complex candidates, only simple ones are accepted.
        """
        is_hidden = self.known.is_noisy and len(self.fit.names) > 1 and edge.complexity > max_noisy_complexity
        return not is_hidden and self.allows_tree(edge.total.tree)

    def allows_tree(self, tree: Expression) -> bool:
        """Whether the limits allow the tree as a part of the formula."""
        return self.limits.allow_part(tree, is_exponent=bool(self.logarithms))

    def search_forms(
        self, axis: FitPoints, v: Float[Array, " rows"], noise: NoiseModel, *, is_logarithm: bool
    ) -> list[CurveForm]:
        """Search closed forms of a curve that may be part of the formula.

        Under noise, sums of terms cannot be distinguished, unless there is only one input.
        """
        is_distinct = self.known.is_precise() or len(self.fit.names) == 1
        return search_forms(
            axis,
            v,
            noise,
            last_effort=Effort.SUMS if is_distinct else Effort.SINGLE,
            logarithms=self.logarithms if is_logarithm else (),
            allows=self.accepts_candidate,
            should_stop=self.should_stop,
        )

    def get_fit_points(self, i: int) -> FitPoints:
        """Fit points of the raw column of input i."""
        name = self.fit.names[i]
        if name not in self.axes:
            self.axes[name] = FitPoints(self.fit.columns[name])
        return self.axes[name]


@dataclass(frozen=True, eq=False)
class Choice:
    """A closed form of a direct edge, or of a hidden node with its incoming and outgoing edges.

    Attributes:
        score: Lower is better.
        total: The form.
    """

    score: float
    total: LinearSum


def find_edge_choices(
    curves: Mapping[int, Float[Array, " rows"]], reading: ExtractionContext, layer: int
) -> list[list[Choice]]:
    """Return the choices for each direct edge from an input to the output.

    Args:
        curves: Outputs of each direct edge, by input.
        reading: Data, units and limits.
        layer: Of the edges, in ``all_layers``.
    """
    parts = []
    # Noise of the whole is larger relative to a small part
    total_spread = float(np.std(sum(curves.values()))) or 1.0
    for i, v in curves.items():
        noise = reading.known.scale_to_part(float(np.std(v)), total_spread)
        candidates = find_edge_candidates(
            v, i, reading, noise, reading.fixed.get((layer, i, reading.output)), is_logarithm=True
        )
        parts.append([Choice(edge.score(noise), edge.total) for edge in candidates])
    return parts


def find_edge_candidates(
    v: Float[Array, " rows"],
    i: int,
    reading: ExtractionContext,
    noise: NoiseModel,
    function: str | None = None,
    *,
    is_logarithm: bool = False,
) -> list[CurveForm]:
    """Return candidates for the edge from input i, in the variable of that input, best first.

    If the edge is the whole network, the target values themselves are fitted.

    Args:
        v: Outputs of the edge.
        i: Input.
        reading: Data, units and limits.
        noise: Noise model of the edge.
        function: Library function that the edge must have, of which only the best fit counts.
        is_logarithm: Whether logarithms of closed forms are searched, too, if T(y) is one.
    """
    axis, variable = reading.get_fit_points(i), Variable(reading.fit.names[i])
    candidates: list[CurveForm] = []
    if function is not None:
        candidates = [CurveForm.from_fit(fit) for fit in suggest(axis, v) if fit.function == function][:1]
    # Values of the target are exact to rounding error first; under noise forms need only be that close
    elif v is reading.network_target:
        rounding = NoiseModel.exact(ROUNDING_ERROR)
        candidates = reading.search_forms(axis, v, rounding, is_logarithm=True)
        if not has_close_form(candidates, rounding, Effort.SUMS.max_complexity):
            noise, candidates = replace(noise, floor=max(noise.floor, noise.noise)), []
    if not candidates and function is None:
        candidates = reading.search_forms(axis, v, noise, is_logarithm=is_logarithm)
    return [replace(edge, total=edge.total.replace(PLACEHOLDER, variable)) for edge in candidates]
