"""Solutions of differential equations, held against exact ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine.differential import adaptive_solver, time_marching
from kan_engine.differential.adaptive_solver import solve_adaptively
from kan_engine.differential.assembly import SolverState
from kan_engine.differential.collocation import DescentResult, descend
from kan_engine.differential.problem import DifferentialProblem, is_initial, is_linear
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.differential.residual_weights import build_system
from kan_engine.differential.solution import Solution
from kan_engine.differential.thresholds import DEFAULT_SOLVER
from kan_engine.errors import NoSolution
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline
from tests.support.engine.differential import CASES, ORDINARY, PARTIAL, Case, last, solved

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_solution_is_found_to_the_digits_that_its_grid_resolves(case: Case) -> None:
    solution = solved(case)
    assert case.error(solution) < case.tolerance
    assert case.error(solution) < max(100 * solution.error, 1e-11)  # and it tells how many those are
    assert max(each.relative for part in solution.violations for each in part) < 100 * case.tolerance


def ordinary(equation: str, *conditions: str, high: float = 2.0) -> DifferentialProblem:
    return parse_problem(
        independent=["x"],
        unknowns=["y"],
        domain={"x": [0, high]},
        equations=[equation],
        conditions=[({"x": 0}, condition) for condition in conditions],
    )


# Windows that give up sooner: the last digits of the place take as long as all before.
EARLY = replace(DEFAULT_SOLVER, min_window_share=3e-3, rough_window_shares=(3e-3, 1e-2, 1e-2))


def test_a_solution_that_blows_up_is_refused_near_the_place() -> None:
    with pytest.raises(NoSolution, match=r"beyond x = (0\.9|1\.0)\d*"):
        last(ordinary("Derivative(y(x), x) - y(x)**2", "y(0) - 1"), thresholds=EARLY)


def test_an_unknown_without_a_derivative_in_time_is_found_on_the_whole_domain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Window by window, the pressure of a flow got worse with every finer grid."""
    flow = parse_problem(
        independent=["x", "t"],
        unknowns=["u", "p"],
        domain={"x": [0, 1], "t": [0, 1]},
        equations=["Derivative(u(x, t), t) - p(x, t)", "p(x, t) + u(x, t)**2"],
        conditions=[({"t": 0}, "u(x, 0) - 1/(1 + x)"), ({"t": 0}, "p(x, 0) + 1/(1 + x)**2")],
    )
    monkeypatch.setattr(adaptive_solver, "march", None)
    solution = last(flow).solution
    assert solution is not None
    points = solution.sample_points(200, 0)
    u = 1 / (1 + points["x"] + points["t"])
    np.testing.assert_allclose(solution.values(points), [u, -(u**2)], atol=1e-8)


def test_a_solution_before_it_blows_up_is_found() -> None:
    solution = last(ordinary("Derivative(y(x), x) - y(x)**2", "y(0) - 1", high=0.8)).solution
    assert solution is not None
    points = solution.sample_points(200, 0)
    np.testing.assert_allclose(solution.values(points)[0], 1 / (1 - points["x"]), 1e-9)


def test_grids_become_finer_where_the_solution_bends() -> None:
    steep = parse_problem(
        independent=["x"],
        unknowns=["y"],
        domain={"x": [0, 1]},
        equations=["Derivative(y(x), x, 2)/10000 - y(x)"],
        conditions=[({"x": 0}, "y(0) - 1"), ({"x": 1}, "y(1)")],
    )
    solution = last(steep).solution
    assert solution is not None
    grid = solution.spline.axes[0].grid
    assert np.diff(grid)[grid[:-1] < 0.05].max() < np.diff(grid).max() / 10
    points = solution.sample_points(300, 0)
    np.testing.assert_allclose(solution.values(points)[0], np.exp(-100 * points["x"]), 0, 1e-9)


def test_a_grid_that_is_given_stays() -> None:
    (reached,) = solve_adaptively(CASES["heat"].problem(), grid=6)
    assert reached.solution is not None
    assert reached.solution.intervals == (6, 6)
    solution = last(ORDINARY["logistic"].problem(), grid=12, order=5).solution
    assert solution is not None
    assert solution.intervals == (12,)
    spline = solution.spline
    assert spline.axes[0].order == 5
    np.testing.assert_allclose(np.diff(spline.axes[0].grid), 5 / 12)
    assert ORDINARY["logistic"].error(solution) < 1e-4  # of width 0.4 and order 5


@pytest.mark.parametrize("name", ["decay", "logistic", "heat"])
def test_the_same_problem_has_the_same_solution_to_the_bit(name: str) -> None:
    first, second = solved(CASES[name]), last(CASES[name].problem()).solution
    assert second is not None
    assert first.spline.coef.tobytes() == second.spline.coef.tobytes()
    assert first.error == second.error


def test_progress_grows_up_to_one() -> None:
    for case in (ORDINARY["logistic"], PARTIAL["heat"]):
        fractions = [reached.fraction for reached in solve_adaptively(case.problem())]
        assert fractions == sorted(fractions)
        assert fractions[0] > 0
        assert fractions[-1] == 1


class Stop:
    """Asks to stop from the given question on."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("name", ["oscillator", "logistic", "Bratu", "heat"])
def test_a_search_that_is_stopped_at_once_has_no_solution(name: str) -> None:
    reached = list(solve_adaptively(CASES[name].problem(), should_stop=Stop(0)))
    assert not any(each.solution for each in reached)


@pytest.mark.parametrize("after", range(1, 8, 2))
@pytest.mark.parametrize("name", ["oscillator", "Bratu", "heat"])
def test_a_search_that_is_stopped_ends_with_what_there_is_and_tells_how_good_it_is(
    name: str, after: int
) -> None:
    reached = list(solve_adaptively(CASES[name].problem(), should_stop=Stop(after)))[-1]
    assert reached.fraction == 1
    assert reached.solution is not None
    assert CASES[name].error(reached.solution) < max(0.1, CASES[name].tolerance)
    assert CASES[name].error(reached.solution) < max(100 * reached.solution.error, 1e-11)


@pytest.mark.parametrize("name", ["Bratu", "logistic"])  # solved at once, and window by window
def test_no_descent_takes_more_steps_than_it_may(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def counted(*args: Any, **options: Any) -> DescentResult:
        reached = descend(*args, **options)
        taken.append(reached.steps)
        return reached

    for module in (adaptive_solver, time_marching):
        monkeypatch.setattr(module, "descend", counted)
    last(CASES[name].problem())
    most, taken[:] = max(taken), []
    last(CASES[name].problem(), steps=3)
    assert max(taken) == 3 < most


@pytest.mark.parametrize(
    ("order", "enough"),
    [
        (7, {"step_tolerance": 0.01}),
        (3, {"slight": 0.5}),
    ],  # of what can be solved, and of what the grid is too coarse for
)
def test_a_descent_ends_where_a_step_is_not_worth_another(order: int, enough: dict[str, float]) -> None:
    problem, axes = CASES["Bratu"].problem(), [SplineAxis.uniform(0, 1, 2, order)]
    start = SolverState(TensorSpline.zero(axes, 1), np.zeros(0))
    most = DEFAULT_SOLVER.max_steps
    all_the_way = descend(build_system(problem, axes, start, thresholds=DEFAULT_SOLVER), start, steps=most)
    early = descend(
        build_system(problem, axes, start, thresholds=DEFAULT_SOLVER), start, steps=most, **enough
    )
    assert early.steps < all_the_way.steps
    assert early.moved < 0.01
    assert CASES["Bratu"].error(Solution.from_state(problem, early.state, [0], 0.0, DEFAULT_SOLVER)) < 1e-2


def test_a_solution_that_too_few_steps_cannot_follow_is_told_so() -> None:
    with pytest.raises(NoSolution, match="at most 1 steps are too few"):
        last(ORDINARY["logistic"].problem(), steps=1, thresholds=EARLY)


def test_a_solution_that_is_stopped_on_its_way_has_the_domain_that_it_has_reached() -> None:
    case = ORDINARY["logistic"]
    solution = list(solve_adaptively(case.problem(), should_stop=Stop(30)))[-1].solution
    assert solution is not None
    ((low, high),) = solution.problem.domain
    assert low == 0
    assert 0.1 < high < 4
    assert high == solution.spline.axes[0].grid[-1]
    assert case.error(solution) < 1e-9  # windows alone, not yet solved together


def test_what_vanishes_everywhere_is_found_to_vanish() -> None:
    solution = last(ordinary("Derivative(y(x), x) + y(x)", "y(0)")).solution
    assert solution is not None
    assert not solution.spline.coef.any()


@pytest.mark.parametrize(
    ("name", "linear"), [("oscillator", True), ("heat", True), ("Riccati", False), ("Burgers", False)]
)
def test_linear_equations_are_told_from_others(name: str, linear: bool) -> None:
    assert is_linear(CASES[name].problem()) is linear


def test_a_condition_makes_a_problem_nonlinear_too() -> None:
    assert not is_linear(ordinary("Derivative(y(x), x) + y(x)", "y(0)**2 - 1"))


@pytest.mark.parametrize(
    ("name", "axes"),
    [("decay", [True]), ("Bratu", [False]), ("heat", [False, True]), ("Poisson", [False] * 2)],
)
def test_time_is_the_axis_with_all_conditions_at_its_start(name: str, axes: list[bool]) -> None:
    problem = CASES[name].problem()
    assert [is_initial(problem, axis) for axis in range(len(axes))] == axes


def test_equations_that_contradict_their_conditions_are_left_violated() -> None:
    solution = last(ordinary("Derivative(y(x), x)", "y(0)", "y(0) - 1")).solution
    assert solution is not None
    assert max(each.relative for each in solution.violations[1]) > 0.1


def test_more_conditions_than_needed_that_agree_do_no_harm() -> None:
    solution = last(ordinary("Derivative(y(x), x) + y(x)", "y(0) - 1", "2*y(0) - 2")).solution
    assert solution is not None
    assert ORDINARY["decay"].error(solution) < 1e-11


@pytest.mark.parametrize("law", ["x*y", "1 + x - y"])
def test_what_rounding_leaves_of_derivatives_that_all_vanish_violates_no_equation(law: str) -> None:
    equation = "Derivative(u(x,y),x,2) + Derivative(u(x,y),y,2)"
    given = [({name: at}, f"u(x,y) - ({law})".replace(name, str(at))) for name in "xy" for at in (0, 1)]
    box = {"x": [0, 1], "y": [0, 1]}
    problem = parse_problem(
        independent=["x", "y"], unknowns=["u"], domain=box, equations=[equation], conditions=given
    )
    solution = last(problem).solution
    assert solution is not None
    assert max(each.relative for part in solution.violations for each in part) < 1e-6


def test_three_variables_are_solved() -> None:
    case = Case(
        {"x": (0, 1), "y": (0, 1), "z": (0, 1)},
        ("Derivative(u(x,y,z),x,2) + Derivative(u(x,y,z),y,2) + Derivative(u(x,y,z),z,2)",),
        tuple(
            ({name: at}, f"u({','.join(str(at) if n == name else n for n in 'xyz')}) - x*y*z")
            for name in "xyz"
            for at in (0, 1)
        ),
        lambda x, y, z: [x * y * z],
        ["x*y*z"],
        1e-9,
        unknowns=("u",),
        options={"grid": 2, "order": 3},
    )
    assert case.error(solved(case)) < case.tolerance


def test_a_linear_problem_is_solved_by_windows_where_a_finer_grid_of_the_whole_costs_too_much() -> None:
    problem = parse_problem(
        independent=["x", "t"],
        unknowns=["u"],
        domain={"x": [0, 1], "t": [0, 0.5]},
        equations=["u_t + u_x = 0"],
        conditions=["u(x, 0) = exp(-100*(x - 1/4)**2)", "u(0, t) = exp(-100*(t + 1/4)**2)"],
    )
    few = replace(DEFAULT_SOLVER, max_step_multiplications=2e6)
    reached = list(solve_adaptively(problem, thresholds=few))
    x, t = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 0.5, 51)))
    truth = np.exp(-100 * (x - t - 1 / 4) ** 2)
    errors = [
        np.abs(each.solution.values({"x": x, "t": t})[0] - truth).max()
        for each in reached
        if each.solution is not None
    ]
    assert errors[-1] < 1e-3 * errors[-2]
    assert errors[-1] < 1e-5
