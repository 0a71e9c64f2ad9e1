"""Problems: what can have one solution, and what is refused with the part to blame."""

from collections.abc import Mapping
from typing import Any

import pytest

from kan_engine.differential.jets import Jet
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.errors import InvalidEquation

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

DECAY: Mapping[str, Any] = {
    "independent": ["x"],
    "unknowns": ["y"],
    "domain": {"x": [0, 5]},
    "equations": ["Derivative(y(x), x) + y(x)"],
    "conditions": [({"x": 0}, "y(0) - 1")],
}
HEAT: Mapping[str, Any] = {
    "independent": ["x", "t"],
    "unknowns": ["u"],
    "domain": {"x": [0, 1], "t": [0, 2]},
    "equations": ["Derivative(u(x, t), t) - Derivative(u(x, t), x, 2)"],
    "conditions": [({"x": 0}, "u(0, t)"), ({"x": 1}, "u(1, t)"), ({"t": 0}, "u(x, 0) - x")],
}
PAIR: Mapping[str, Any] = {
    "independent": ["x"],
    "unknowns": ["y", "z"],
    "domain": {"x": [0, 1]},
    "equations": ["Derivative(y(x), x) - z(x)", "Derivative(z(x), x) + y(x)"],
    "conditions": [({"x": 0}, "y(0)"), ({"x": 0}, "z(0) - 1")],
}


def posed(base: Mapping[str, Any] = DECAY, **changes: Any) -> DifferentialProblem:
    return parse_problem(**{**base, **changes})


@pytest.mark.parametrize("base", [DECAY, HEAT, PAIR])
def test_a_problem_is_read(base: Mapping[str, Any]) -> None:
    problem = posed(base)
    assert problem.independent == tuple(base["independent"])
    assert len(problem.equations) == len(base["equations"])
    assert len(problem.conditions) == len(base["conditions"])


def test_orders_are_the_highest_derivatives_along_an_axis() -> None:
    problem = posed(HEAT)
    assert (problem.order(0), problem.order(1)) == (2, 1)
    assert posed(PAIR).order(0, 1) == 1


def test_permuted_axes_are_the_same_problem_in_another_order() -> None:
    problem = posed(HEAT)
    turned = problem.permute_axes((1, 0))
    assert turned.independent == ("t", "x")
    assert turned.domain == ((0, 2), (0, 1))
    assert {jet.orders for jet in turned.equations[0].jets} == {(1, 0), (0, 2)}
    assert turned.conditions[0].fixed == {1: (0.0,)}
    assert turned.permute_axes((1, 0)) == problem


def test_a_variable_has_its_value_where_a_condition_fixes_it() -> None:
    problem = posed(HEAT, conditions=[*HEAT["conditions"][:2], ({"t": 2}, "u(x, 2) - t*x")])
    same = posed(HEAT, conditions=[*HEAT["conditions"][:2], ({"t": 2}, "u(x, 2) - 2*x")])
    assert problem == same


def test_a_periodic_condition_ties_two_places() -> None:
    periodic = [
        ({"x": [0, 1]}, "u(0, t) - u(1, t)"),
        ({"x": [0, 1]}, "Subs(Derivative(u(x, t), x), x, 0) - Subs(Derivative(u(x, t), x), x, 1)"),
        ({"t": 0}, "u(x, 0)"),
    ]
    problem = posed(HEAT, conditions=periodic)
    assert problem.conditions[0].fixed == {0: (0.0, 1.0)}
    assert {jet.at for jet in problem.conditions[0].jets} == {(0.0, None), (1.0, None)}


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("u(0, t) = t", ({"x": 0}, "u(0, t) - t")),
        ("u_x(0, t) = u_x(1, t)", ({"x": [0, 1]}, "u_x(0, t) - u_x(1, t)")),
        ("u(1, 2) = 3", ({"x": 1, "t": 2}, "u(1, 2) - 3")),
        ("u_x(0, t) = x - u", ({"x": 0}, "u_x(0, t) + u(0, t)")),
        (({"x": 1}, "u_x = t*x"), ({"x": 1}, "Subs(Derivative(u(x, t), x), x, 1) - t")),
    ],
)
def test_a_condition_holds_at_the_places_that_it_names(condition: Any, same: Any) -> None:
    start = "u(x, 0) = x"
    most = HEAT["conditions"][:2]
    assert posed(HEAT, conditions=[*most, start, condition]) == posed(HEAT, conditions=[*most, start, same])


def test_conditions_may_be_left_to_measurements() -> None:
    problem = posed(
        conditions=[],
        equations=["Derivative(y(x), x) + k*y(x)"],
        coefficients=["k"],
        measured=["y"],
    )
    assert problem.coefficients == ("k",)
    assert set(problem.equations[0].leaves) == {"k", Jet(0, (0,), (None,)), Jet(0, (1,), (None,))}


def place(where: Any) -> dict[str, Any]:
    return {"conditions": [(where, "y(0) - 1")]}


@pytest.mark.parametrize(
    ("base", "changes", "path", "code", "word"),
    [
        (DECAY, {"conditions": []}, ("conditions",), "too_few_conditions", "need 1 conditions on x, got 0"),
        (
            DECAY,
            {"equations": ["Derivative(y(x), x, 2) + y(x)"]},
            ("conditions",),
            "too_few_conditions",
            "need 2 conditions on x, got 1",
        ),
        (PAIR, {"conditions": [({"x": 0}, "y(0)")]}, ("conditions",), "too_few_conditions", "need 2"),
        (HEAT, {"conditions": HEAT["conditions"][1:]}, ("conditions",), "too_few_conditions", "need 2.*on x"),
        (HEAT, {"conditions": HEAT["conditions"][:2]}, ("conditions",), "too_few_conditions", "need 1.*on t"),
        (DECAY, place({"t": 0}), ("conditions", 0, "on", "t"), "invalid_equation", "not an independent"),
        (DECAY, place({"x": 7}), ("conditions", 0, "on", "x"), "invalid_equation", "outside of the domain"),
        (DECAY, place({"x": [0, 7]}), ("conditions", 0, "on", "x"), "invalid_equation", "outside"),
        (DECAY, place({"x": float("nan")}), ("conditions", 0, "on", "x"), "invalid_equation", "outside"),
        (DECAY, place({"x": 1}), ("conditions", 0, "residual"), "invalid_equation", "evaluated at x = 0"),
        (
            DECAY,
            {"conditions": ["y(7) = 1"]},
            ("conditions", 0),
            "invalid_equation",
            "outside of the domain",
        ),
        (
            HEAT,
            {"conditions": [({"x": [0, 1]}, "u(0, t) - x*u(1, t)")]},
            ("conditions", 0, "residual"),
            "invalid_equation",
            "x has two values",
        ),
        (
            HEAT,
            {"conditions": [({}, "u(x, t)")]},
            ("conditions", 0, "on"),
            "invalid_equation",
            "say where it holds",
        ),
        (
            DECAY,
            {"conditions": [({"x": 0}, "y(0) - 1"), ({"x": 0}, "x - 1")]},
            ("conditions", 1, "residual"),
            "invalid_equation",
            "no unknown occurs: y",
        ),
        (
            DECAY,
            {"conditions": [({"x": 0}, "y(0) % 2")]},
            ("conditions", 0, "residual"),
            "invalid_equation",
            r"character 6\)",
        ),
        (DECAY, {"equations": ["1 +"]}, ("equations", 0), "invalid_equation", r"the end \(character 4\)"),
        (DECAY, {"equations": ["x + 1"]}, ("equations", 0), "invalid_equation", "no unknown occurs"),
        (
            DECAY,
            {"equations": ["Derivative(y(x), x) + y(0)"]},
            ("equations", 0),
            "invalid_equation",
            r"write y\(x\)",
        ),
        (DECAY, {"equations": ["y(x) - 1"]}, ("equations",), "invalid_equation", "no derivative"),
        (DECAY, {"equations": []}, ("equations",), "invalid_equation", "1 unknowns need as many"),
        (
            PAIR,
            {"equations": PAIR["equations"][:1]},
            ("equations",),
            "invalid_equation",
            "2 unknowns need as many equations, got 1",
        ),
        (
            PAIR,
            {"equations": ["Derivative(y(x), x)", "Derivative(y(x), x) + y(x)"]},
            ("unknowns", 1),
            "invalid_equation",
            "'z' occurs in no equation",
        ),
        (DECAY, {"domain": {}}, ("domain",), "invalid_domain", "'x' is missing"),
        (DECAY, {"domain": {"x": [5, 0]}}, ("domain", "x"), "invalid_domain", "lowest, highest"),
        (DECAY, {"domain": {"x": [0, 0]}}, ("domain", "x"), "invalid_domain", "lowest, highest"),
        (DECAY, {"domain": {"x": [0]}}, ("domain", "x"), "invalid_domain", "two numbers"),
        (DECAY, {"domain": {"x": [0, float("inf")]}}, ("domain", "x"), "invalid_domain", "two numbers"),
        (DECAY, {"domain": {"x": [0, float("nan")]}}, ("domain", "x"), "invalid_domain", "two numbers"),
        (
            DECAY,
            {"domain": {"x": [0, 5], "t": [0, 1]}},
            ("domain", "t"),
            "invalid_domain",
            "'t' is not an independent variable",
        ),
        (DECAY, {"independent": []}, ("independent",), "invalid_equation", "1 to 3 independent"),
        (DECAY, {"independent": list("abcd")}, ("independent",), "invalid_equation", "1 to 3"),
        (DECAY, {"unknowns": []}, ("unknowns",), "invalid_equation", "1 to 10 unknowns"),
        (DECAY, {"unknowns": ["y", "sin"]}, ("unknowns", 1), "invalid_equation", r"sin\(…\) is a function"),
        (DECAY, {"unknowns": ["Derivative"]}, ("unknowns", 0), "invalid_equation", "such as Derivative_1"),
        (DECAY, {"unknowns": ["2y"]}, ("unknowns", 0), "invalid_equation", "is not a valid name"),
        (DECAY, {"unknowns": ["y z"]}, ("unknowns", 0), "invalid_equation", "is not a valid name"),
        (DECAY, {"unknowns": [""]}, ("unknowns", 0), "invalid_equation", "is not a valid name"),
        (DECAY, {"unknowns": ["y" * 65]}, ("unknowns", 0), "invalid_equation", "is not a valid name"),
        (DECAY, {"unknowns": ["x"]}, ("unknowns", 0), "invalid_equation", "'x' occurs twice"),
        (PAIR, {"unknowns": ["y", "y"]}, ("unknowns", 1), "invalid_equation", "'y' occurs twice"),
        (
            DECAY,
            {"coefficients": ["k"], "measured": ["y"]},
            ("parameters", 0),
            "invalid_equation",
            "'k' occurs in no equation",
        ),
        (
            DECAY,
            {"coefficients": ["k"], "equations": ["Derivative(y(x), x) + k*y(x)"]},
            ("parameters", 0),
            "invalid_equation",
            "needs measurements",
        ),
    ],
)
def test_what_poses_no_problem_is_refused_with_the_part_to_blame(
    base: Mapping[str, Any], changes: Mapping[str, Any], path: tuple[str | int, ...], code: str, word: str
) -> None:
    with pytest.raises(InvalidEquation, match=word) as refused:
        posed(base, **changes)
    assert (refused.value.path, refused.value.code) == (path, code)


def test_the_character_to_blame_is_told_of_the_text_in_which_it_is() -> None:
    with pytest.raises(InvalidEquation) as refused:
        posed(equations=["Derivative(y(x), x) + f(x)"])
    assert refused.value.place == 22
