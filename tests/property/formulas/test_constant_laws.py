"""Laws of the fit of constants, on random forms."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, Variable, call, evaluate
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    Residuals,
    compute_rmse,
    refit_coarsely,
    refit_constants,
)
from tests.support.engine import trees

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

COUNT = 4
PARAMETERS = [Parameter(place) for place in range(COUNT)]
X, Y = Variable("x"), Variable("y")
generator = np.random.default_rng(0)
SPREAD = {"x": generator.uniform(0.2, 2.0, 30), "y": generator.uniform(-1.0, 1.0, 30)}
TARGET, WEIGHTS = generator.normal(2.0, 1.0, 30), generator.uniform(0.1, 2.0, 30)

forms = trees.built(
    st.one_of(trees.variables_of(SPREAD), st.sampled_from(PARAMETERS), trees.floats),
)
numbers = st.floats(-3, 3)
starts = st.lists(numbers, min_size=COUNT, max_size=COUNT).map(np.array)
bounds = st.lists(
    st.tuples(st.one_of(st.just(-np.inf), numbers), st.floats(0.1, 5)).map(lambda ends: (ends[0], sum(ends)))
    | st.tuples(numbers, st.just(np.inf)),
    min_size=COUNT,
    max_size=COUNT,
)
# Also fewer rows than constants, and weights
tables = st.builds(
    lambda rows, is_weighted: LabelledRows.from_columns(
        {name: values[:rows] for name, values in SPREAD.items()},
        TARGET[:rows],
        WEIGHTS[:rows] if is_weighted else None,
    ),
    st.sampled_from([2, 30]),
    st.booleans(),
)


def within(values: np.ndarray, ends: list[tuple[float, float]]) -> np.ndarray:
    low, high = np.array(ends).T
    return np.clip(values, low, high)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(forms, starts, bounds, st.booleans(), st.sets(st.integers(0, COUNT - 1)), tables)
def test_a_fit_lowers_the_error_within_bounds_and_keeps_held_constants(
    tree: Expression,
    start: np.ndarray,
    ends: list[tuple[float, float]],
    is_bounded: bool,
    held: set[int],
    rows: LabelledRows,
) -> None:
    start = within(start, ends) if is_bounded else start
    form = ParametricForm(tree, start)
    fitted = refit_constants(form, rows, iterations=10, bounds=ends if is_bounded else None, held=held)
    assert compute_rmse(fitted, rows) <= compute_rmse(form, rows)
    np.testing.assert_array_equal(fitted.values[list(held)], start[list(held)])
    if is_bounded:
        np.testing.assert_array_equal(fitted.values, within(fitted.values, ends))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(forms, starts, tables, st.integers(0, 8))
def test_a_coarse_fit_lowers_the_error(
    tree: Expression, start: np.ndarray, rows: LabelledRows, steps: int
) -> None:
    residuals = Residuals(ParametricForm(tree, start), rows)
    before = residuals.measure(start)
    assert residuals.measure(refit_coarsely(residuals, start, steps)) <= before


P, Q, R, _ = PARAMETERS
SMOOTH = (
    P + Q * X + R * Y,
    P + Q * call("exp", R * Y),
    P * call("sin", Q * X + R),
    (P + Q * Y) / (3.5 + R * X),
    P * X**Q + R * Y,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(SMOOTH),
    st.lists(st.floats(0.3, 2), min_size=3, max_size=3),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_minimum_is_that_of_scipy(
    tree: Expression, truth: list[float], is_bounded: bool, seed: int
) -> None:
    """From nearby starts, with noise; the bounds let some constants end at them."""
    draws = np.random.default_rng(seed)
    exact = evaluate(tree, SPREAD, truth)
    assume(np.abs(exact).max() < 100)
    rows = LabelledRows.from_columns(SPREAD, exact + draws.normal(0, 0.05, 30), WEIGHTS)
    start = np.array(truth) * draws.uniform(0.95, 1.05, 3)
    ends = [(0.9 * value, 1.1 * value) if is_bounded else (-np.inf, np.inf) for value in start]
    fitted = refit_constants(
        ParametricForm(tree, start), rows, iterations=200, bounds=ends if is_bounded else None
    )
    expected = least_squares(
        lambda values: (evaluate(tree, SPREAD, values) - rows.y) * np.sqrt(rows.relative_weights),
        start,
        bounds=tuple(np.array(ends).T),
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-12,
    )
    assert compute_rmse(fitted, rows) ** 2 <= 2 * expected.cost / 30 * (1 + 1e-6)
    np.testing.assert_array_equal(fitted.values, within(fitted.values, ends))
