"""Ranked closed forms of an edge.

Where the network models a logarithm, an edge is also fitted as log F with a simple F. For example,
1/√(1 - v²) is one function of v².
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import takewhile
from types import MappingProxyType

import numpy as np
import torch

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TRANSFORMS
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Variable,
    add,
    apply_function,
    evaluate,
    mul,
    number,
    substitute,
)
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm, fix_parameter
from kan_engine.formulas.core.thresholds import SymbolicThresholds
from kan_engine.formulas.reading.closed_forms import (
    Effort,
    find_closed_forms,
    has_close_form,
    select_best_forms,
    to_candidate,
)
from kan_engine.formulas.reading.dictionary_regression import PLACEHOLDER, Candidate, refit_candidate
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, suggest

NO_FIXED_FUNCTIONS: Mapping[int, str] = MappingProxyType({})


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
        known: Noise model of the curves of the network, with the thresholds of the extraction.
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

    @property
    def thresholds(self) -> SymbolicThresholds:
        """Decision numbers of the extraction."""
        return self.known.thresholds

    @property
    def effort(self) -> Effort:
        """Last class of closed forms to search for an edge.

        Under noise, sums of terms cannot be distinguished, unless there is only one input.
        """
        is_precise = self.known.floor < self.thresholds.closed_forms.max_precise_floor
        return Effort.SUMS if is_precise or len(self.fit.names) == 1 else Effort.SINGLE

    @cached_property
    def network_target(self) -> Array:
        """T(y) - ``center`` of the rows of ``fit``."""
        return np.asarray(TRANSFORMS[self.transform].forward(self.fit.y) - self.center)

    @property
    def is_log(self) -> bool:
        """Whether T(y) is the logarithm of ±y."""
        return self.transform in ("log", "log_neg")

    def accepts_candidate(self, edge: Candidate) -> bool:
        """Whether a candidate may be part of the formula.

        Under noise with several inputs, only simple candidates are accepted.
        """
        is_long = edge.complexity > self.thresholds.max_noisy_complexity
        is_hidden = self.known.is_noisy and len(self.fit.names) > 1 and is_long
        return not is_hidden and self.allows_tree(edge.tree)

    def allows_tree(self, tree: Expression) -> bool:
        """Whether the limits allow the tree as a part of the formula."""
        return self.limits.allow_part(tree, is_exponent=self.is_log)

    def get_fit_points(self, i: int) -> FitPoints:
        """Fit points of the raw column of input i."""
        name = self.fit.names[i]
        if name not in self.axes:
            self.axes[name] = FitPoints(self.fit.columns[name], self.thresholds.closed_forms.functions)
        return self.axes[name]


@dataclass(frozen=True)
class Choice:
    """A closed form of a direct edge, or of a hidden node with its incoming and outgoing edges.

    Attributes:
        score: Lower is better.
        values: Values of the parameters of the tree.
        constant: Additive constant, not part of the tree.
    """

    score: float
    tree: Expression
    values: tuple[float, ...]
    constant: float


def find_edge_choices(
    curves: dict[int, Array], reading: ExtractionContext, functions: Mapping[int, str] = NO_FIXED_FUNCTIONS
) -> list[list[Choice]]:
    """Return the choices for each direct edge from an input to the output.

    Args:
        curves: Outputs of each direct edge, by input.
        reading: Data, units and limits.
        functions: Required library function of some edges, by input.
    """
    parts = []
    whole = float(np.std(sum(curves.values()))) or 1.0
    for i, v in curves.items():
        known = reading.known.scale_to_part(float(np.std(v)), whole)
        found = (
            fit_library_function(functions[i], v, i, reading)
            if i in functions
            else _find_direct_candidates(v, i, reading, known)
        )
        parts.append([Choice(e.score(known), e.tree, e.parameters, e.constant) for e in found])
    return parts


def _find_direct_candidates(
    v: Array, i: int, reading: ExtractionContext, known: NoiseModel
) -> list[Candidate]:
    """Find candidates of a direct edge; if it is the whole network, fit the target values themselves."""
    if v is reading.network_target:
        rounded = NoiseModel.exact(reading.thresholds.rounding_error, reading.thresholds)
        found = find_column_candidates(v, i, reading, rounded, as_logarithm=reading.is_log)
        if has_close_form(found, rounded):
            return found
        known = replace(known, floor=max(known.floor, known.noise))
    return find_column_candidates(v, i, reading, known, as_logarithm=reading.is_log)


def find_column_candidates(
    v: Array, i: int, reading: ExtractionContext, known: NoiseModel, *, as_logarithm: bool = False
) -> list[Candidate]:
    """Return candidates for the edge from input i, in the variable of that input."""
    found = search_forms(
        reading.get_fit_points(i),
        v,
        known,
        as_logarithm=as_logarithm,
        most=reading.effort,
        allows=reading.accepts_candidate,
        should_stop=reading.should_stop,
    )
    return _substitute_variable(found, i, reading)


def fit_library_function(function: str, v: Array, i: int, reading: ExtractionContext) -> list[Candidate]:
    """Return the best fit of one library function to the edge from input i; empty if it has none."""
    fits = [fit for fit in suggest(reading.get_fit_points(i), v) if fit.function == function]
    return _substitute_variable([to_candidate(fit) for fit in fits[:1]], i, reading)


def _substitute_variable(found: list[Candidate], i: int, reading: ExtractionContext) -> list[Candidate]:
    variable = Variable(reading.fit.names[i])
    return [replace(edge, tree=substitute(edge.tree, {PLACEHOLDER: variable})) for edge in found]


def search_forms(
    axis: FitPoints,
    v: Array,
    known: NoiseModel,
    *,
    as_logarithm: bool,
    most: Effort,
    allows: Callable[[Candidate], bool] = lambda _: True,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Candidate]:
    """Search closed forms, and logarithms of closed forms, until one reaches the precision of the curve.

    Args:
        axis: Fit points of the edge.
        v: Outputs of the edge, one per row.
        known: Noise model of the curve.
        as_logarithm: Whether logarithms of closed forms are searched too.
        most: Last class of forms.
        allows: Returns whether a candidate is accepted.
        should_stop: Once true, the search ends with the candidates found, if there are any.
    """
    found: list[Candidate] = []
    limits = known.thresholds.closed_forms
    for effort in list(Effort)[: most + 1]:
        more = find_closed_forms(axis, v, known=known, effort=effort, raw=True)
        is_wanted = (
            as_logarithm
            and effort < Effort.SUMS
            and not has_close_form([*found, *more], known, limits.max_plain_complexity)
        )
        if is_wanted and not (more and should_stop()):
            more += takewhile(lambda _: not should_stop(), fit_logarithms(axis, v, known, effort))
        found += [edge for edge in more if allows(edge)]
        longest = limits.max_plain_complexity if effort == Effort.PLAIN else limits.max_close_complexity
        if has_close_form(found, known, longest) or (found and should_stop()):
            break
    most_kept = limits.max_noisy_candidates if known.is_noisy else limits.max_candidates
    return select_best_forms(found, known, most_kept)


def fit_logarithms(
    axis: FitPoints,
    v: Array,
    known: NoiseModel,
    effort: Effort,
    factors: tuple[float, ...] | None = None,
) -> Iterator[Candidate]:
    """Yield fits v = log(F)/s with a simple F, for every s in ``factors``, by default all."""
    middle, limits = float(v.mean()), known.thresholds.closed_forms
    least = known.thresholds.rounding_error
    for s in limits.logarithm_factors if factors is None else factors:
        with np.errstate(all="ignore"):
            f = np.exp(s * (v - middle))
        if not np.isfinite(f).all() or float(np.std(f)) == 0:
            continue
        factor = abs(s) * float(np.std(v)) * float(f.mean()) / float(np.std(f))
        near = replace(
            known,
            floor=max(known.floor * factor, least),
            noise=max(known.noise * factor, least),
        )
        for edge in select_best_forms(
            find_closed_forms(axis, f, known=near, effort=effort), near, limits.max_logarithm_forms
        ):
            at = axis.subsample(v)
            found = _build_logarithm(edge, s, axis.u, at, limits.min_relative_offset)
            if found is not None:  # the fit of F favours large F; log F has to fit everywhere
                yield refit_candidate(found, axis.u, at, limits.refit_steps) if known.is_noisy else found


def _build_logarithm(
    edge: Candidate, s: float, u: Array, v: Array, min_relative_offset: float
) -> Candidate | None:
    """Return log(F)/s without the factor of F, which only shifts it.

    None for a single power F: its logarithm is a multiple of log u, which other fits find.
    """
    if not edge.linear:
        return None
    largest = float(np.abs(evaluate(edge.tree, {PLACEHOLDER.name: u}, edge.parameters)).max())
    has_offset = abs(edge.constant) > min_relative_offset * largest
    first = edge.linear[0]
    lead = edge.constant if has_offset else edge.parameters[first]
    if lead == 0 or not (has_offset or len(edge.linear) > 1):
        return None
    values = [p / abs(lead) if place in edge.linear else p for place, p in enumerate(edge.parameters)]
    form, sign = ParametricForm(edge.tree, np.array(values)), number(Fraction(1 if lead > 0 else -1))
    form = (
        ParametricForm(add(sign, form.tree), form.values) if has_offset else fix_parameter(form, first, sign)
    )
    tree = mul(number(Fraction(1 / s).limit_denominator(4)), apply_function("log", form.tree))
    reached = evaluate(tree, {PLACEHOLDER.name: u}, form.values)
    if not np.isfinite(reached).all():
        return None
    return Candidate(
        tree=tree,
        parameters=tuple(form.values.tolist()),
        linear=(),
        constant=float(np.mean(v - reached)),
        error=float(np.std(v - reached)) / (float(np.std(v)) or 1.0),
        complexity=edge.complexity + 2 + int(abs(s) != 1),
    )
