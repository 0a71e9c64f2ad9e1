"""References of the benchmark of equations, held against other solutions."""

import numpy as np
import pytest

from tests.benchmarks.subjects import equations, references

pytestmark = pytest.mark.long

PROBLEMS = equations.problems(equations.FURTHER)


def test_burgers_shock_has_the_slope_of_basdevant() -> None:
    """Basdevant et al. (Computers & Fluids 14, 1986): the steepest slope is 152.00516 at t = 0.5105."""
    problem = {**PROBLEMS["pde-burgers"], "domain": {"x": [-1, 1], "t": [0.5105, 0.5105]}}
    points, values = references.by_cole_hopf(problem, count=10_001, times=1)
    at = int(np.argmin(np.abs(points["x"])))
    slope = (8 * (values[0, at + 1] - values[0, at - 1]) - values[0, at + 2] + values[0, at - 2]) / 24e-4
    assert abs(slope + 152.00516) < 1e-3


def test_every_line_that_names_a_method_names_one_that_exists() -> None:
    given = [line["reference"] for line in PROBLEMS.values() if "reference" in line]
    assert {each["method"] for each in given if "points" not in each} == set(references.METHODS)
