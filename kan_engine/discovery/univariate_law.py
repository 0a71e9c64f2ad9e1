"""A target that is a function of one variable alone: its closed form, cheap ones of all kinds first.

The values themselves are read, not a spline through them, as they are and under every transform, over the
variable and over its inverse; what holds to rounding error on other rows is the law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from kan_engine.data.scaling import TRANSFORMS, is_defined
from kan_engine.expressions.evaluation import Expression, Parameter, add, evaluate, power, substitute
from kan_engine.symbolic.closed_forms import ENOUGH, SIMPLE, Effort, best_forms, closed_forms
from kan_engine.symbolic.constant_fitting import Array, Data, Form, error, refit
from kan_engine.symbolic.constant_snapping import polished
from kan_engine.symbolic.dictionary_regression import PLACEHOLDER, Candidate
from kan_engine.symbolic.extraction import UNDO
from kan_engine.symbolic.noise_model import Precision
from kan_engine.symbolic.univariate_fit import Axis

FLOOR = 1e-10  # error over the spread that counts as none
PRECISE = Precision.exact(FLOOR)
TRIED = 3  # forms that are refitted
PLAUSIBLE = 3e-3  # error of a form before its refit
STEPS = 30
NEAREST, ROUGH = 20, 5e-3  # one in so many pairs of neighbours; median step of these, over the spread
PLAIN_SIDES = (
    "identity",
    "log",
    "log_neg",
    "reciprocal",
)  # transforms under which sums of terms are looked for


def law_of_one(
    variable: Expression,
    fit: Data,
    validation: Data,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    floor: float = FLOOR,
    squared: bool = False,
) -> Expression | None:
    """y = T⁻¹(f(variable)), or None if no such law holds to rounding error.

    What polynomials and their quotients imitate is looked at in all other ways before they are believed.

    Args:
        variable: Of the columns.
        fit: Columns and target.
        validation: The same of other rows, for the proof.
        should_stop: Asked before every search for closed forms.
        floor: Error over the spread that counts as rounding.
        squared: Whether functions of the variable's square are looked at, too.
    """
    columns, target = fit
    spread = float(np.std(validation[1])) or 1.0
    if _is_noisy(evaluate(variable, columns), target):
        return None
    everything = np.concatenate([target, validation[1]])[:, None]
    sides = [side for side in UNDO if is_defined(side, everything)]
    axes = [
        (tree, Axis(evaluate(tree, columns)))
        for tree in _variables(variable, fit, validation, squared=squared)
    ]
    longer: list[tuple[int, Form]] = []
    for effort, side, (tree, axis) in product(Effort, sides, axes):
        if should_stop():
            break
        if effort == Effort.SUMS and side not in PLAIN_SIDES:
            continue
        moved = np.asarray(TRANSFORMS[side].forward(target))
        for edge in _plausible(axis, moved, effort):
            better = refit(_whole(edge, tree, side), fit, iterations=STEPS)
            if error(better, validation) < floor * spread:
                if edge.complexity <= (SIMPLE if effort == Effort.PLAIN else ENOUGH):
                    return polished(better, fit, validation)
                longer.append((edge.complexity, better))
    return polished(min(longer, key=lambda pair: pair[0])[1], fit, validation) if longer else None


def _is_noisy(u: Array, y: Array) -> bool:
    """Whether values at nearly the same place differ: even what goes through many periods is close there."""
    order = np.argsort(u, kind="stable")
    gaps, steps = np.diff(u[order]), np.abs(np.diff(y[order]))
    nearest = np.argsort(gaps, kind="stable")[: max(1, len(gaps) // NEAREST)]
    return bool(np.median(steps[nearest]) > ROUGH * float(np.std(y)))


def _variables(variable: Expression, fit: Data, validation: Data, *, squared: bool) -> Iterator[Expression]:
    """The variable, its inverse where it has one sign, and its square where that is asked for."""
    yield variable
    if squared:
        yield power(variable, 2)
    values = np.concatenate([evaluate(variable, fit[0]), evaluate(variable, validation[0])])
    if float(values.min()) > 0 or float(values.max()) < 0:
        yield power(variable, -1)


def _plausible(axis: Axis, moved: Array, effort: Effort) -> list[Candidate]:
    found = closed_forms(axis, moved, known=PRECISE, effort=effort, raw=True)
    return [edge for edge in best_forms(found, PRECISE, TRIED) if edge.error < PLAUSIBLE]


def _whole(edge: Candidate, variable: Expression, side: str) -> Form:
    inside = add(substitute(edge.tree, {PLACEHOLDER: variable}), Parameter(len(edge.parameters)))
    return Form(UNDO[side](inside), np.array([*edge.parameters, edge.constant]))
