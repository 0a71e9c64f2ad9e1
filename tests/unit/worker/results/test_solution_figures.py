"""What is kept of a solution for its picture."""

from typing import Any

import numpy as np
import pytest

from kan_engine import Measurements, Solution, parse_problem
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline
from tests.support.stored import to_json
from worker.results.solution_figures import make_solution_figures
from worker.results.thresholds import DEFAULT_SOLUTION_FIGURES

MAX_MEASUREMENTS = DEFAULT_SOLUTION_FIGURES.max_measurements


def solution(*names: str, scale: float = 1.0) -> Solution:
    """Some function of variables from 1 to 3, as if it solved an equation."""
    told = ", ".join(names)
    problem = parse_problem(
        independent=names,
        unknowns=["u"],
        domain=dict.fromkeys(names, (1.0, 3.0)),
        equations=[f"Derivative(u({told}), {names[0]})"],
        conditions=[({names[0]: 1.0}, f"u({', '.join(['1', *names[1:]])})")],
    )
    axes = [SplineAxis.uniform(1.0, 3.0, 2, 3)] * len(names)
    coef = scale * np.random.default_rng(0).normal(size=(1, *(axis.terms for axis in axes)))
    return Solution(problem, TensorSpline(tuple(axes), coef), np.zeros(0), 0.0)


def figures(solved: Solution, measured: dict[int, Measurements]) -> dict[str, Any]:
    return to_json(
        make_solution_figures(
            solved, solved.spline.evaluate_grid, ["u"], measured, thresholds=DEFAULT_SOLUTION_FIGURES
        )
    )


def test_of_three_variables_the_slice_half_way_along_the_last_is_kept() -> None:
    solved = solution("x", "y", "z")
    told = figures(solved, {})["solution"]
    assert (told["independent"], told["at"]) == (["x", "y"], {"z": 2.0})
    xs, ys = (np.array(axis) for axis in told["axes"])
    (kept,) = told["unknowns"]
    (expected,) = solved.values({"x": xs, "y": np.full(len(xs), ys[5]), "z": np.full(len(xs), 2.0)})
    np.testing.assert_allclose(np.array(kept["values"])[:, 5], expected, atol=1e-6)
    assert kept["measured"] is None


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_noise_far_below_the_largest_value_is_not_kept(scale: float) -> None:
    solved = solution("x", scale=scale)
    (kept,) = figures(solved, {})["solution"]["unknowns"]
    (exact,) = solved.values({"x": np.linspace(1, 3, len(kept["values"]))})
    largest = np.abs(exact).max()
    wrong = np.abs(np.array(kept["values"]) - exact).max()
    assert 0 < wrong < 10.0 ** (1 - DEFAULT_SOLUTION_FIGURES.significant_digits) * largest


def test_a_solution_that_is_0_is_kept_as_it_is() -> None:
    solved = solution("x", scale=0.0)
    (kept,) = figures(solved, {})["solution"]["unknowns"]
    assert set(kept["values"]) == {0.0}


def test_many_measurements_are_thinned_and_those_beyond_the_solution_left_out() -> None:
    x = np.linspace(0, 3, 3 * MAX_MEASUREMENTS)
    measured = {0: Measurements(x[:, None], 2 * x)}
    solved = solution("x")
    (kept,) = figures(solved, measured)["solution"]["unknowns"]
    pairs = np.array(kept["measured"])
    assert pairs.shape == (MAX_MEASUREMENTS, 2)
    assert pairs[:, 0].min() >= 1
    np.testing.assert_array_equal(pairs[:, 1], 2 * pairs[:, 0])
    assert (np.diff(pairs[:, 0]) > 0).all()


def test_measurements_of_two_variables_are_kept_with_both_places_and_those_of_three_are_not() -> None:
    rows = np.array([[1.0, 3.0], [2.0, 2.5], [2.0, 3.5], [0.5, 2.0]])
    flat, deep = solution("x", "y"), solution("x", "y", "z")
    measured = {0: Measurements(rows, np.array([5.0, 6.0, 7.0, 8.0]))}
    (kept,) = figures(flat, measured)["solution"]["unknowns"]
    assert kept["measured"] == [[1.0, 3.0, 5.0], [2.0, 2.5, 6.0]]
    measured = {0: Measurements(np.full((1, 3), 2.0), np.array([5.0]))}
    (kept,) = figures(deep, measured)["solution"]["unknowns"]
    assert kept["measured"] is None
