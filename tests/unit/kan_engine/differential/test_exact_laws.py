"""Violations of equations by what was found, and laws that prove themselves by having none."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import erf

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.differential.exact_laws import find_laws, prove_laws
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.differential.solution import Solution, partial_derivative
from kan_engine.differential.thresholds import DEFAULT_SOLUTION_LAWS
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Expression, Variable, call, number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.strategies.exact import univariate_law
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline
from tests.support.engine.differential import CASES, ORDINARY, PARTIAL, Case, last, solved

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

X, T = Variable("x"), Variable("t")
WITH_LAWS = {name: case for name, case in CASES.items() if case.laws}


@pytest.mark.parametrize("case", WITH_LAWS.values(), ids=list(WITH_LAWS))
def test_the_formula_of_a_solution_is_found(case: Case) -> None:
    laws = find_laws(solved(case))
    assert laws is not None
    assert [to_text(law) for law in laws] == case.laws


def test_a_wave_of_any_shape_is_found_by_its_direction() -> None:
    case = Case(
        {"x": (-1, 1), "t": (0, 0.5)},
        ("Derivative(u(x,t), t) + 2*Derivative(u(x,t), x)",),
        (({"x": -1}, "u(-1,t) - exp(-(-1 - 2*t)**2)"), ({"t": 0}, "u(x,0) - exp(-x**2)")),
        lambda x, t: [np.exp(-((x - 2 * t) ** 2))],
        ["exp(-(x - 2*t)**2)"],
        1e-8,
        unknowns=("u",),
    )
    laws = find_laws(solved(case))
    assert laws is not None
    (law,) = laws
    points = {"x": np.linspace(-1, 1, 9), "t": np.linspace(0, 0.5, 9)}
    np.testing.assert_allclose(evaluate(law, points), case.exact(**points)[0], 1e-12)


@pytest.mark.parametrize(
    ("equation", "conditions", "law"),
    [
        ("y'' = 1 - y'**2", ["y(0) = 0", "y'(0) = 0"], "log(cosh(x))"),
        ("y'' = 2 - 8*y'**2", ["y(0) = 0", "y'(0) = 0"], "log(cosh(4*x))/8"),
        ("y'' = -1 - y'**2", ["y(0) = 0", "y'(0) = 0"], "log(cos(x))"),
        ("y' = 1 - exp(y)/2", ["y(0) = 0"], "-log(exp(-x)/2 + 1/2)"),
    ],
)
def test_logarithms_of_sums_of_exponentials_are_found_by_the_relation_of_their_derivatives(
    equation: str, conditions: list[str], law: str
) -> None:
    problem = parse_problem(
        independent=["x"],
        unknowns=["y"],
        domain={"x": [0, 1.2]},
        equations=[equation],
        conditions=conditions,
    )
    solution = last(problem).solution
    assert solution is not None
    assert [to_text(each) for each in find_laws(solution) or []] == [law]


@pytest.mark.parametrize(
    ("domain", "equation", "conditions", "law"),
    [
        ({"x": [0, 2]}, "u_x = exp(-x**2)", ["u(0) = 0"], "sqrt(pi)*erf(x)/2"),
        (
            {"x": [0, 4], "t": [0.5, 2]},
            "u_t = 0.3*u_xx",
            ["u(x, 0.5) = 2*erfc(x/sqrt(0.6))", "u(0, t) = 2", "u(4, t) = 2*erfc(4/sqrt(1.2*t))"],
            "2 - 2*erf(sqrt(30)*x/(6*sqrt(t)))",
        ),
        (
            {"x": [-2, 2], "t": [0, 1]},
            "u_t = 0.5*u_xx - u_x - 0.3*u",
            ["u(x, 0) = 3*erf(x)"]
            + [f"u({x}, t) = 3*exp(-0.3*t)*erf(({x} - t)/sqrt(1 + 2*t))" for x in (-2, 2)],
            "3*exp(-0.3*t)*erf((x - t)/sqrt(2*t + 1))",
        ),
    ],
    ids=["integral", "half space", "moving and decaying"],
)
def test_error_functions_are_found_by_the_relation_of_their_derivatives(
    domain: dict[str, list[float]], equation: str, conditions: list[str], law: str
) -> None:
    problem = parse_problem(
        independent=list(domain),
        unknowns=["u"],
        domain=domain,
        equations=[equation],
        conditions=conditions,
    )
    solution = last(problem).solution
    assert solution is not None
    assert [to_text(each) for each in find_laws(solution) or []] == [law]


def test_the_constants_of_an_error_function_in_an_inaccurate_solution_are_rounded() -> None:
    random = np.random.default_rng(0)

    def step(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        values = erf(x / np.sqrt(0.4 * t + 0.7))
        return np.asarray(values + 1e-7 * random.standard_normal(np.shape(values)))

    solution = known("u_t = 0.1*u_xx", step)
    free = replace(solution.problem, conditions=())  # they are as inaccurate
    (found,) = find_laws(replace(solution, problem=free, error=0.1)) or [None]
    assert found is not None
    assert to_text(found) == "erf(x/sqrt(0.4*t + 0.7))"


def known(equation: str, u: Callable[..., np.ndarray]) -> Solution:
    """A function of x from -1 to 1 and t from 0 to 1 that solves an equation, as if it had been found."""
    corners = [{"x": x, "t": t} for x in (-1, 1) for t in (0, 1)]
    problem = parse_problem(
        independent=["x", "t"],
        unknowns=["u"],
        domain={"x": (-1, 1), "t": (0, 1)},
        equations=[equation],
        conditions=[(at, f"u({at['x']}, {at['t']}) - ({u(**at)})") for at in corners],
    )
    axes = [SplineAxis.uniform(*ends, 16, 7) for ends in problem.domain]
    x, t = (axis.interpolation_points() for axis in axes)
    return Solution(problem, TensorSpline.interpolate(axes, u(x[:, None], t)[None]), np.zeros(0), 1e-10)


LAPLACE = "Derivative(u(x, t), (x, 2)) + Derivative(u(x, t), (t, 2))"
WITHOUT_ONE_RELATION = {
    "x**3 - 3*t**2*x": (LAPLACE, lambda x, t: x**3 - 3 * x * t**2),
    "t*x**2 + exp(-t)*sin(pi*x)": (
        f"{LAPLACE} - 2*t - (1 - pi**2)*exp(-t)*sin(pi*x)",
        lambda x, t: x**2 * t + np.exp(-t) * np.sin(np.pi * x),
    ),
    "t**3*x**3 + x*cos(5*t)": (
        f"{LAPLACE} - 6*x*t**3 - 6*x**3*t + 25*x*cos(5*t)",
        lambda x, t: x**3 * t**3 + x * np.cos(5 * t),
    ),
}


@pytest.mark.parametrize("law", WITHOUT_ONE_RELATION)
def test_products_of_powers_and_waves_are_told_by_what_they_span(law: str) -> None:
    (found,) = find_laws(known(*WITHOUT_ONE_RELATION[law])) or [None]
    assert found is not None
    assert to_text(found) == law


def test_factors_whose_rates_are_triple_have_nice_numbers() -> None:
    law = known("Derivative(u(x, t), t) + u(x, t)", lambda x, t: (x - x**2 / 3) * np.exp(x - t))
    (found,) = find_laws(law) or [None]
    assert found is not None
    assert to_text(found) == "x*(1 - x/3)*exp(x - t)"


def test_the_kink_of_sine_gordon_is_found_by_the_tangent_of_its_quarter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(univariate_law, "TRANSFORMS", {"identity": TRANSFORMS["identity"]})
    equation = "Derivative(u(x, t), (t, 2)) - Derivative(u(x, t), (x, 2)) + sin(u(x, t))"
    kink = known(equation, lambda x, t: 4 * np.arctan(np.exp((5 * x - 3 * t) / 4)))
    (found,) = find_laws(kink) or [None]
    assert found is not None
    assert to_text(found) == "4*atan(exp(5*x/4 - 3*t/4))"


def test_a_hunt_is_asked_for_what_is_of_no_kind_known_here() -> None:
    asked = []

    def hunt(fit: LabelledRows, validation: LabelledRows) -> Expression | None:
        asked.append((fit, validation))
        return call("log", (X + 2) ** 2 + (T + 1) ** 2)

    harmonic = known(LAPLACE, lambda x, t: np.log((x + 2) ** 2 + (t + 1) ** 2))
    (found,) = find_laws(harmonic, hunt=hunt) or [None]
    assert found is not None
    assert to_text(found) == "log((t + 1)**2 + (x + 2)**2)"
    ((rows, _),) = asked
    np.testing.assert_allclose(rows.y, evaluate(found, rows.columns), atol=1e-9)
    assert find_laws(replace(harmonic, error=1e-3), hunt=hunt) is None
    assert len(asked) == 1


def test_the_search_for_laws_can_be_stopped() -> None:
    assert find_laws(solved(ORDINARY["logistic"]), should_stop=lambda: True) is None


def test_what_has_no_closed_form_of_these_kinds_has_no_law() -> None:
    harmonic = Case(
        {"x": (0, 1), "y": (0, 1)},
        ("Derivative(u(x,y), x, 2) + Derivative(u(x,y), y, 2)",),
        (
            ({"x": 0}, "u(0,y) - log(1 + (y + 1)**2)"),
            ({"x": 1}, "u(1,y) - log(4 + (y + 1)**2)"),
            ({"y": 0}, "u(x,0) - log((x + 1)**2 + 1)"),
            ({"y": 1}, "u(x,1) - log((x + 1)**2 + 4)"),
        ),
        lambda x, y: [np.log((x + 1) ** 2 + (y + 1) ** 2)],
        None,
        1e-8,
        unknowns=("u",),
    )
    solution = solved(harmonic)
    assert harmonic.error(solution) < harmonic.tolerance
    assert find_laws(solution) is None


def of(case: Case, *functions: str) -> Solution:
    """These formulas of x as the solution of a case, on the grid of its own."""
    solution = solved(case)
    axis = solution.spline.axes[0]
    space = {"x": axis.interpolation_points(), "np": np}
    values = np.stack([eval(text, space) for text in functions])
    return replace(solution, spline=TensorSpline.interpolate([axis], values))


def test_the_exact_solution_violates_nothing() -> None:
    equations, conditions = of(ORDINARY["system"], "np.sin(x)", "np.cos(x)").violations
    assert max(each.relative for each in equations) < 1e-9  # of a derivative of interpolated values
    assert max(each.relative for each in conditions) < 1e-12


def test_a_wrong_function_violates_what_it_does_not_satisfy() -> None:
    equations, conditions = of(ORDINARY["system"], "np.sin(x)", "np.cos(x) + 1").violations
    assert equations[0].relative > 0.1  # y' = z
    assert equations[1].relative < 1e-9  # z' = -y
    assert [each.relative > 0.1 for each in conditions] == [False, True]


def test_a_violation_has_the_size_of_the_residual() -> None:
    solution = of(ORDINARY["decay"], "np.exp(-x) + 0.001")
    ((equation,), (condition,)) = solution.violations
    assert equation.largest == pytest.approx(0.001, rel=1e-6)
    assert equation.rms == pytest.approx(0.001, rel=1e-6)
    assert condition.largest == pytest.approx(0.001, rel=1e-6)
    assert equation.scale == pytest.approx(
        np.sqrt(2 * np.mean(np.exp(-2 * np.linspace(0, 5, 9999)))), rel=0.05
    )
    assert equation.relative == equation.largest / equation.scale


def test_violations_by_formulas_are_those_of_the_functions() -> None:
    solution = solved(PARTIAL["heat"])
    exact = call("exp", -number(np.pi**2) * T) * call("sin", number(np.pi) * X)
    for part in solution.law_violations([exact]):
        assert max(each.relative for each in part) < 1e-12
    equations, conditions = solution.law_violations([call("sin", number(np.pi) * X)])
    assert equations[0].relative > 0.1
    assert max(each.relative for each in conditions) < 1e-12


def test_an_infinite_slope_hides_no_violation() -> None:
    problem = parse_problem(
        independent=["x"],
        unknowns=["y"],
        domain={"x": [0, 5]},
        equations=["Derivative(y(x), x) - 1"],
        conditions=[({"x": 0}, "sqrt(y(0)) - 5")],
    )
    solution = replace(solved(ORDINARY["decay"]), problem=problem)
    _, (condition,) = solution.law_violations([X])
    assert condition.relative == 5
    assert prove_laws(solution, [X], thresholds=DEFAULT_SOLUTION_LAWS) is None


def test_a_formula_that_is_not_real_violates_everything() -> None:
    solution = solved(ORDINARY["decay"])
    ((equation,), _) = solution.law_violations([call("log", X - 10)])
    ((often,), _) = solution.law_violations([call("log", X - 1)])
    assert equation.relative == often.relative == np.inf


@pytest.mark.parametrize(("law", "holds"), [(call("sin", X) / X, True), (call("cos", X) / X, False)])
def test_a_law_that_is_0_by_0_at_a_place_of_a_condition_is_continued_to_it(
    law: Expression, holds: bool
) -> None:
    """Both solve the equation of Lane and Emden for n = 1; one of them has a pole at 0."""
    problem = parse_problem(
        independent=["x"],
        unknowns=["y"],
        domain={"x": [0, 5]},
        equations=["x*Derivative(y(x), (x, 2)) + 2*Derivative(y(x), x) + x*y(x)"],
        conditions=[({"x": 0}, "y(0) - 1"), ({"x": 0}, "Subs(Derivative(y(x), x), x, 0)")],
    )
    solution = replace(solved(ORDINARY["decay"]), problem=problem)
    assert (prove_laws(solution, [law], thresholds=DEFAULT_SOLUTION_LAWS) is not None) is holds


@pytest.mark.parametrize(
    ("law", "holds"),
    [
        (call("exp", -X), True),
        (call("exp", number(-1.0000000001) * X), True),
        (2 * call("exp", -X), False),  # not the condition
        (call("exp", -2 * X), False),  # not the equation
        (1 - X, False),
        (call("exp", number(-1.001) * X), False),
        (call("log", X - 10), False),
    ],
)
def test_a_law_is_proved_by_all_equations_and_conditions(law: Expression, holds: bool) -> None:
    laws = prove_laws(solved(ORDINARY["decay"]), [law], thresholds=DEFAULT_SOLUTION_LAWS)
    assert (laws is not None) is holds
    if laws is not None:
        assert to_text(laws[0]) == "exp(-x)"


def test_a_law_that_violates_a_boundary_condition_is_refused() -> None:
    solution = solved(PARTIAL["heat"])
    one = call("exp", -number(np.pi**2) * T)
    assert (
        prove_laws(solution, [one * call("sin", number(np.pi) * X)], thresholds=DEFAULT_SOLUTION_LAWS)
        is not None
    )
    # Of the equation all the same
    assert (
        prove_laws(solution, [one * call("cos", number(np.pi) * X)], thresholds=DEFAULT_SOLUTION_LAWS) is None
    )


def test_derivatives_of_formulas_are_taken_in_several_variables() -> None:
    tree = X**3 * T**2
    assert to_text(partial_derivative(tree, ("x", "t"), (2, 1))) == to_text(
        partial_derivative(6 * X * T**2, ("x", "t"), (0, 1))
    )


def test_points_of_a_solution_lie_in_its_domain_and_are_the_same_again() -> None:
    solution = solved(PARTIAL["heat"])
    points = solution.sample_points(50, 3)
    assert {name: bool((v >= 0).all()) for name, v in points.items()} == {"x": True, "t": True}
    assert points["t"].max() <= 0.1 < points["x"].max()
    np.testing.assert_array_equal(points["x"], solution.sample_points(50, 3)["x"])
