"""Ways to write an edge, ranked.

An edge is fitted as it is, and where the network gives a logarithm also as log F with F simple: 1/√(1 - v²)
is one function of v².
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

from kan_engine.data.scaling import TRANSFORMS
from kan_engine.expressions.constraints import NO_LIMITS, Limits
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
from kan_engine.symbolic.closed_forms import (
    ENOUGH,
    SIMPLE,
    SURE,
    Effort,
    as_candidate,
    best_forms,
    closed_forms,
    is_settled,
)
from kan_engine.symbolic.constant_fitting import Data, Form, fixed
from kan_engine.symbolic.dictionary_regression import PLACEHOLDER, Candidate, refit_candidate
from kan_engine.symbolic.noise_model import Precision
from kan_engine.symbolic.univariate_fit import Array, Axis, suggest

PER_EDGE, PER_NOISY_EDGE = 5, 24  # candidates kept on an edge: noise makes more of them equal
FEW = 3  # closed forms of exp(s·v) that are looked at
POWERS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 0.25, -0.25)  # s, where exp(s·v) is looked at in place of v
MOST_TOLD = 9  # complexity of an edge beside others that noise leaves a trace of
OFFSET = 1e-4  # of a factor, over its largest value, below which it has none
ROUNDING = 1e-9  # error of values that are no spline's, over their spread
NOTHING_FIXED: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a formula is read from.

    Attributes:
        names: Variable per network input.
        fit: Raw columns by variable, and the target, for refits.
        validation: The same for the choice between formulas.
        scaled: Network inputs of the rows of ``fit``.
        output: Which output of the network.
        center: T(y) where the network's output is 0.
        scale: Change of T(y) per unit of the output.
        transform: Name of T.
        known: How well the network's curves are known.
        limits: What the formula may contain.
        fixed: Function of the library that an edge has to be, by layer of ``all_layers``, input and output.
        should_stop: Asked between fits and refits; once true, what was found for a curve is enough.
    """

    names: tuple[str, ...]
    fit: Data
    validation: Data
    scaled: torch.Tensor
    output: int
    center: float
    scale: float
    transform: str
    known: Precision
    limits: Limits = NO_LIMITS
    fixed: Mapping[tuple[int, int, int], str] = field(default_factory=dict)
    should_stop: Callable[[], bool] = lambda: False

    @property
    def effort(self) -> Effort:
        """How far to look for closed forms of an edge; sums of terms are not told apart under noise."""
        return Effort.SUMS if self.known.floor < SURE or len(self.names) == 1 else Effort.SINGLE

    @cached_property
    def transformed(self) -> Array:
        """T(y) of the rows of ``fit``, about the center."""
        return np.asarray(TRANSFORMS[self.transform].forward(self.fit[1]) - self.center)

    @property
    def is_log(self) -> bool:
        """Whether T(y) is the logarithm of ±y."""
        return self.transform in ("log", "log_neg")

    def offers(self, edge: Candidate) -> bool:
        """Whether a form may be part of the formula; noise hides all but simple ones beside other parts."""
        is_hidden = self.known.is_noisy and len(self.names) > 1 and edge.complexity > MOST_TOLD
        return not is_hidden and self.allows(edge.tree)

    def allows(self, tree: Expression) -> bool:
        """Whether a part of the formula may be written so."""
        return self.limits.allow_part(tree, is_exponent=self.is_log)

    @cached_property
    def axes(self) -> list[Axis]:
        """The raw columns, as what curves are compared over."""
        return [Axis(self.fit[0][name]) for name in self.names]


@dataclass(frozen=True)
class Choice:
    """One way to write a direct edge, or a hidden node with all that enters it."""

    score: float
    tree: Expression
    values: tuple[float, ...]
    constant: float


def edge_choices(
    curves: dict[int, Array], reading: Reading, functions: Mapping[int, str] = NOTHING_FIXED
) -> list[list[Choice]]:
    """Choices of edges from the inputs straight to the output; ``functions`` holds what some have to be."""
    parts = []
    whole = float(np.std(sum(curves.values()))) or 1.0
    for i, v in curves.items():
        known = reading.known.of_part(float(np.std(v)), whole)
        found = form_by(functions[i], v, i, reading) if i in functions else _direct(v, i, reading, known)
        parts.append([Choice(e.score(known), e.tree, e.parameters, e.constant) for e in found])
    return parts


def _direct(v: Array, i: int, reading: Reading, known: Precision) -> list[Candidate]:
    """Candidates of a direct edge; where it is all there is, the values themselves are read."""
    if v is reading.transformed:
        rounded = Precision.exact(ROUNDING)
        found = forms_of_column(v, i, reading, rounded, as_logarithm=reading.is_log)
        if is_settled(found, rounded):
            return found
        known = replace(known, floor=max(known.floor, known.noise))
    return forms_of_column(v, i, reading, known, as_logarithm=reading.is_log)


def forms_of_column(
    v: Array, i: int, reading: Reading, known: Precision, *, as_logarithm: bool = False
) -> list[Candidate]:
    """Candidates of the edge that leaves input i, in that input's own variable."""
    found = forms(
        reading.axes[i],
        v,
        known,
        as_logarithm=as_logarithm,
        most=reading.effort,
        allows=reading.offers,
        should_stop=reading.should_stop,
    )
    return _of_variable(found, i, reading)


def form_by(function: str, v: Array, i: int, reading: Reading) -> list[Candidate]:
    """The best fit of the edge that leaves input i by one function of the library."""
    fits = [fit for fit in suggest(reading.axes[i], v) if fit.function == function]
    return _of_variable([as_candidate(fit) for fit in fits[:1]], i, reading)


def _of_variable(found: list[Candidate], i: int, reading: Reading) -> list[Candidate]:
    variable = Variable(reading.names[i])
    return [replace(edge, tree=substitute(edge.tree, {PLACEHOLDER: variable})) for edge in found]


def forms(
    axis: Axis,
    v: Array,
    known: Precision,
    *,
    as_logarithm: bool,
    most: Effort,
    allows: Callable[[Candidate], bool] = lambda _: True,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Candidate]:
    """Closed forms, and logarithms of closed forms, until one is as close as the curve is known."""
    found: list[Candidate] = []
    for effort in list(Effort)[: most + 1]:
        more = closed_forms(axis, v, known=known, effort=effort, raw=True)
        is_wanted = as_logarithm and effort < Effort.SUMS and not is_settled([*found, *more], known, SIMPLE)
        if is_wanted and not (more and should_stop()):
            more += takewhile(lambda _: not should_stop(), logarithms(axis, v, known, effort))
        found += [edge for edge in more if allows(edge)]
        if is_settled(found, known, SIMPLE if effort == Effort.PLAIN else ENOUGH) or (
            found and should_stop()
        ):
            break
    return best_forms(found, known, PER_NOISY_EDGE if known.is_noisy else PER_EDGE)


def logarithms(
    axis: Axis, v: Array, known: Precision, effort: Effort, powers: tuple[float, ...] = POWERS
) -> Iterator[Candidate]:
    """v = log(F)/s with a simple F, for every power s."""
    middle = float(v.mean())
    for s in powers:
        with np.errstate(all="ignore"):
            f = np.exp(s * (v - middle))
        if not np.isfinite(f).all() or float(np.std(f)) == 0:
            continue
        factor = abs(s) * float(np.std(v)) * float(f.mean()) / float(np.std(f))
        near = replace(
            known, floor=max(known.floor * factor, ROUNDING), noise=max(known.noise * factor, ROUNDING)
        )
        for edge in best_forms(closed_forms(axis, f, known=near, effort=effort), near, FEW):
            found = _logarithm(edge, s, axis.u, axis.thinned(v))
            if found is not None:  # F is fitted where it is large, its logarithm has to be right everywhere
                yield refit_candidate(found, axis.u, axis.thinned(v)) if known.is_noisy else found


def _logarithm(edge: Candidate, s: float, u: Array, v: Array) -> Candidate | None:
    """log(F)/s, with the factor of F, which only shifts it, taken out.

    A power alone is a multiple of a logarithm, and found as that.
    """
    if not edge.linear:
        return None
    largest = float(np.abs(evaluate(edge.tree, {PLACEHOLDER.name: u}, edge.parameters)).max())
    has_offset = abs(edge.constant) > OFFSET * largest
    first = edge.linear[0]
    lead = edge.constant if has_offset else edge.parameters[first]
    if lead == 0 or not (has_offset or len(edge.linear) > 1):
        return None
    values = [p / abs(lead) if place in edge.linear else p for place, p in enumerate(edge.parameters)]
    form, sign = Form(edge.tree, np.array(values)), number(Fraction(1 if lead > 0 else -1))
    form = Form(add(sign, form.tree), form.values) if has_offset else fixed(form, first, sign)
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
