"""Characteristics: which sides of the domain need conditions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from kan_engine.differential.characteristics import count_incoming
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.errors import InvalidEquation, NoSolution
from tests.support.engine.differential import last


def pose(equations: Sequence[str], conditions: Sequence[Any], **others: Any) -> Any:
    return parse_problem(
        **{
            "independent": ["x", "t"],
            "unknowns": ["u"],
            "domain": {"x": [-1, 1], "t": [0, 1]},
            "equations": equations,
            "conditions": conditions,
            **others,
        }
    )


def error(problem: Any, exact: Any) -> float:
    solution = last(problem).solution
    assert solution is not None
    points = solution.sample_points(300, seed=0)
    return float(np.abs(solution.values(points)[0] - exact(**points)).max())


def test_characteristics_that_leave_at_both_ends_need_no_condition() -> None:
    problem = pose(["u_t + x*u_x = 0"], ["u(x, 0) = sin(3*x)"])
    assert count_incoming(problem, 0) == (0, 0)
    assert error(problem, lambda x, t: np.sin(3 * x * np.exp(-t))) < 1e-7


def test_speeds_may_follow_from_the_initial_values() -> None:
    problem = pose(["u_t + u*u_x = 0"], ["u(x, 0) = x"])
    assert error(problem, lambda x, t: x / (1 + t)) < 1e-7


@pytest.mark.parametrize(
    ("equations", "start", "unknowns", "incoming"),
    [
        (["u_t = u_x"], ["u(x, 0) = x"], ["u"], (0, 1)),
        (["2*u_t + x*u_x = u"], ["u(x, 1) = x"], ["u"], (1, 1)),  # backwards in time
        (["u_t + (t - 1/2)*u_x = 0"], ["u(x, 0) = x"], ["u"], (1, 1)),
        (["u_t + t*x**2*u_x = 0"], ["u(x, 0) = x"], ["u"], (1, 0)),
        (["u_t = v_x", "v_t = u_x"], ["u(x, 0) = x", "v(x, 0) = 0"], ["u", "v"], (1, 1)),
        (["u_t + 3*v_x = 0", "v_t + 3*u_x + 4*v_x"], ["u(x, 0) = x", "v(x, 0) = 0"], ["u", "v"], (1, 1)),
        (["u_t + u_x = 0", "v_t + u_x + v_x"], ["u(x, 0) = x", "v(x, 0) = 0"], ["u", "v"], (2, 0)),
    ],
)
def test_every_speed_that_enters_needs_a_condition(
    equations: list[str], start: list[str], unknowns: list[str], incoming: tuple[int, int]
) -> None:
    enough = [f"{name}({end}, t) = 0" for name in unknowns for end in (-1, 1)]
    problem = pose(equations, [*start, *enough], unknowns=unknowns)
    assert count_incoming(problem, 0) == incoming
    ends: Mapping[int, str] = dict(enumerate(("x = -1", "x = 1")))
    named = " and ".join(ends[number] for number, count in enumerate(incoming) if count)
    with pytest.raises(
        InvalidEquation, match=f"need {sum(incoming)} .* got 0: .* enter the domain at {named}"
    ):
        pose(equations, start, unknowns=unknowns)


def test_a_speed_that_turns_inwards_later_leaves_the_solution_undetermined() -> None:
    problem = pose(["u_t + u*u_x = -3"], ["u(x, 0) = (x + 1)/2"])
    with pytest.raises(NoSolution, match="characteristics enter the domain at x = 1"):
        last(problem)


def test_equations_without_characteristics_need_conditions_at_all_ends() -> None:
    start = ["u(x, 0) = x", "v(x, 0) = 0"]
    problem = pose(["u_t = v_x", "v_t = -u_x"], [*start, "u(1, t) = 0"], unknowns=["u", "v"])
    assert count_incoming(problem, 0) is None


OUTFLOW = {"domain": {"x": [0, 1], "t": [0, 1]}}
START = ["u(x, 0) = 1 + x", "u(0, t) = 1/(1 + t)"]


def test_a_condition_that_contradicts_the_others_where_characteristics_leave_ends_the_solution() -> None:
    problem = pose(["u_t + u*u_x = 0"], [*START, "u(1, t) = 5"], **OUTFLOW)
    with pytest.raises(
        NoSolution, match=r"condition 3 contradicts .* up to 4: .* leave .* at x = 1.* remove"
    ):
        last(problem)


def test_a_condition_that_agrees_with_the_others_where_characteristics_leave_is_kept() -> None:
    problem = pose(["u_t + u*u_x = 0"], [*START, "u(1, t) = 2/(1 + t)"], **OUTFLOW)
    assert error(problem, lambda x, t: (1 + x) / (1 + t)) < 1e-7
    solution = last(problem).solution
    assert solution is not None
    assert solution.problem == problem


def test_a_condition_where_characteristics_leave_does_not_replace_one_where_they_enter() -> None:
    with pytest.raises(InvalidEquation, match="on x, got 0: characteristics enter the domain at x = 0"):
        pose(["u_t + u*u_x = 0"], [START[0], "u(1, t) = 2/(1 + t)"], **OUTFLOW)


def test_a_condition_where_the_speed_turns_inwards_later_is_used() -> None:
    """u = u0 - 3*t along x = x0 + u0*t - 3/2*t**2 with u0 = (x0 + 1)/2."""
    problem = pose(
        ["u_t + u*u_x = -3"],
        ["u(x, 0) = (x + 1)/2", "u(1, t) = ((1 - t/2 + 3*t**2/2)/(1 + t/2) + 1)/2 - 3*t"],
    )
    assert error(problem, lambda x, t: ((x - t / 2 + 1.5 * t**2) / (1 + t / 2) + 1) / 2 - 3 * t) < 1e-5
