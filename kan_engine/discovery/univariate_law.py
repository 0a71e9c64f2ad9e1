"""Laws of one variable: the closed form of a target that depends on one variable alone.

Cheap forms come first. Forms are fitted to the values themselves, not to a spline, under every transform of
the target, over the variable and over its inverse. A law has to hold to rounding error on other rows.
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

FLOOR = 1e-10  # over the spread of the target
PRECISE = Precision.exact(FLOOR)
TRIED = 3  # candidates refitted per class of forms, transform and variable
PLAUSIBLE = 3e-3  # error of a form before its refit
STEPS = 30
# The noise check uses the closest 1 in 20 pairs of neighbours: the median step over the spread.
NEAREST, ROUGH = 20, 5e-3
# Transforms of the target under which sums of terms are searched.
PLAIN_SIDES = (
    "identity",
    "log",
    "log_neg",
    "reciprocal",
)


def law_of_one(
    variable: Expression,
    fit: Data,
    validation: Data,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    floor: float = FLOOR,
    squared: bool = False,
) -> Expression | None:
    """Return a law y = T⁻¹(f(variable)), or None if none holds to rounding error.

    Polynomials and their quotients can imitate other functions. A complex form is returned only if the search
    finds no simple one.

    Args:
        variable: Expression in the columns.
        fit: Columns and target.
        validation: Columns and target of other rows, on which the law has to hold.
        should_stop: Called before every search for closed forms; once true, the search ends.
        floor: Error over the spread that counts as rounding error.
        squared: Whether functions of the square of the variable are searched too.
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
    """Whether targets at nearly equal u differ; even a function with many periods is continuous there."""
    order = np.argsort(u, kind="stable")
    gaps, steps = np.diff(u[order]), np.abs(np.diff(y[order]))
    nearest = np.argsort(gaps, kind="stable")[: max(1, len(gaps) // NEAREST)]
    return bool(np.median(steps[nearest]) > ROUGH * float(np.std(y)))


def _variables(variable: Expression, fit: Data, validation: Data, *, squared: bool) -> Iterator[Expression]:
    """Yield the variable, its square if requested, and its inverse if it has one sign."""
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
