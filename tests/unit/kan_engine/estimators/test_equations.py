"""Equations are solved from Python as over HTTP."""

import numpy as np
import pandas as pd
import pytest

from kan_engine import InvalidData, InvalidEquation, SolvedEquations, solve
from kan_engine.differential.thresholds import (
    EquationLimits,
    EquationThresholds,
    SolutionLawThresholds,
    SolverThresholds,
)
from kan_engine.errors import NoSolution
from tests.support.engine.notebooks import display

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

DECAY = {"unknowns": ["y"], "domain": {"x": [0.0, 2.0]}}


@pytest.fixture(scope="module")
def oscillation() -> SolvedEquations:
    return solve(
        ["Derivative(y(x), (x, 2)) + 4*y(x)"],
        unknowns=["y"],
        domain={"x": [0.0, 3.0]},
        conditions=[({"x": 0.0}, "y(0) - 1"), ({"x": 0.0}, "Subs(Derivative(y(x), x), x, 0)")],
    )


def test_a_solution_predicts_and_names_its_formula(oscillation: SolvedEquations) -> None:
    assert oscillation.formulas == {"y": "cos(2*x)"}
    x = np.linspace(0.0, 3.0, 7)
    np.testing.assert_allclose(oscillation.predict(pd.DataFrame({"x": x}))["y"], np.cos(2 * x), atol=1e-8)
    assert oscillation.violation < 1e-6
    assert oscillation.error < 1e-6


def test_a_notebook_shows_the_exact_formula_and_how_well_it_holds(oscillation: SolvedEquations) -> None:
    shown = display(oscillation)
    assert "<math" in shown["text/html"]
    assert "largest violation" in shown["text/html"]
    assert shown["text/plain"].startswith("<SolvedEquations y = cos(2*x); largest error ")


def test_a_variable_that_is_absent_is_named(oscillation: SolvedEquations) -> None:
    with pytest.raises(InvalidData, match="'x' is absent"):
        oscillation.predict({"t": [1.0]})


def test_a_parameter_is_estimated_from_measurements() -> None:
    x = np.linspace(0.0, 2.0, 20)
    y = np.exp(-1.7 * x) + 1e-3 * np.random.default_rng(0).normal(size=20)
    found = solve(
        ["Derivative(y(x), x) + k*y(x)"],
        parameters={"k": 1.0},
        measurements=pd.DataFrame({"x": x, "y": y}),
        symbolic=False,
        **DECAY,
    )
    assert found.formulas is None
    assert "k = 1.7" in display(found)["text/html"]
    assert found.parameters["k"].value == pytest.approx(1.7, abs=4 * found.parameters["k"].standard_error)


def test_a_problem_without_conditions_and_measurements_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidEquation, match="condition"):
        solve(["Derivative(y(x), x) + y(x)"], **DECAY)
    with pytest.raises(InvalidData, match="no row of the measurements"):
        solve(["Derivative(y(x), x) + k*y(x)"], parameters={"k": 1.0}, measurements={"x": [0.0]}, **DECAY)


def test_an_equation_without_a_value_on_a_part_of_the_domain_has_no_solution() -> None:
    start = [({"x": 0.0}, "y(0) - 1")]
    with pytest.raises(NoSolution, match=r"'Derivative\(y\(x\), x\) = log\(x - 6\)' has no real value"):
        solve(["Derivative(y(x), x) = log(x - 6)"], conditions=start, **DECAY)


def test_thresholds_reach_the_parser_the_solver_and_the_search_for_laws() -> None:
    decay, start = ["Derivative(y(x), x) + y(x)"], [({"x": 0.0}, "y(0) - 1")]
    short = EquationThresholds(limits=EquationLimits(max_characters=10))
    with pytest.raises(InvalidEquation, match="may have 10 characters"):
        solve(decay, conditions=start, thresholds=short, **DECAY)
    solver = SolverThresholds(initial_grid_sizes=(5, 8, 4), max_grid_levels=1, check_points=50)
    strict = EquationThresholds(solver=solver, laws=SolutionLawThresholds(proof_tolerance=0.0))
    found = solve(decay, conditions=start, thresholds=strict, **DECAY)
    assert found.solution.spline.axes[0].size == 5
    assert len(found.solution.check_points["x"]) == 50
    assert found.formulas is None


def test_thresholds_reach_the_estimation_of_parameters() -> None:
    x = np.linspace(0.0, 2.0, 20)
    found = solve(
        ["Derivative(y(x), x) + k*y(x)"],
        parameters={"k": 1.0},
        measurements={"x": x, "y": np.exp(-1.7 * x)},
        symbolic=False,
        thresholds=EquationThresholds(
            solver=SolverThresholds(initial_grid_sizes=(20, 8, 4), max_grid_levels=3, split_shares=())
        ),
        **DECAY,
    )
    assert found.solution.spline.axes[0].size == 20
