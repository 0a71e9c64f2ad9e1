"""Unknown numbers in equations: found from measurements, with errors as a fit of the known law tells them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy.optimize import curve_fit

from kan_engine.differential.adaptive_solver import SolverProgress, solve_adaptively
from kan_engine.differential.parameter_estimation import Measurements, estimate, substitute_coefficients
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.problem_parser import ConditionLocation, parse_problem
from kan_engine.differential.solution import Estimate, Solution

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

TIMES = np.linspace(0, 5, 21)
NOISE = np.random.default_rng(0).normal(size=len(TIMES))
DECAY = "Derivative(y(t), t) + k*y(t)"
COOLING = "Derivative(y(t), t) + k*(y(t) - room)"


def posed(
    equations: str | Sequence[str],
    *numbers: str,
    conditions: Sequence[tuple[ConditionLocation, str]] = (),
    unknowns: Sequence[str] = ("y",),
    high: float = 5.0,
) -> DifferentialProblem:
    return parse_problem(
        independent=["t"],
        unknowns=unknowns,
        domain={"t": [0, high]},
        equations=[equations] if isinstance(equations, str) else equations,
        conditions=conditions,
        coefficients=numbers,
        measured=["y"],
    )


def at(times: np.ndarray, values: np.ndarray) -> Measurements:
    return Measurements(times[:, None], values)


def solution_of(reached: Sequence[SolverProgress]) -> Solution:
    assert reached[-1].solution is not None
    return reached[-1].solution


def found(
    problem: DifferentialProblem,
    values: np.ndarray,
    *starts: float,
    times: np.ndarray = TIMES,
    place: int = 0,
) -> dict[str, Estimate]:
    solution = solution_of(list(estimate(problem, {place: at(times, values)}, starts)))
    return {each.name: each for each in solution.estimates}


def fallen(rate: float, start: float = 2.0) -> np.ndarray:
    return np.asarray(start * np.exp(-rate * TIMES))


def cooled(noise: float) -> np.ndarray:
    return 20 + 70 * np.exp(-0.4 * TIMES) + noise * NOISE


@pytest.fixture(scope="module")
def noisy() -> Mapping[str, Estimate]:
    return found(posed(COOLING, "k", "room"), cooled(0.3), 1.0, 10.0)


@pytest.mark.parametrize("conditions", [[], [({"t": 0}, "y(0) - 2")]], ids=["no conditions", "its start"])
def test_exact_measurements_give_a_rate_exactly(conditions: list[tuple[ConditionLocation, str]]) -> None:
    rate = found(posed(DECAY, "k", conditions=conditions), fallen(0.7), 1.0)["k"]
    assert rate.value == pytest.approx(0.7, rel=1e-12)
    assert rate.standard_error < 1e-12


def test_exact_measurements_give_two_numbers_exactly() -> None:
    numbers = found(posed(COOLING, "k", "room"), cooled(0.0), 1.0, 10.0)
    assert numbers["k"].value == pytest.approx(0.4, rel=1e-9)
    assert numbers["room"].value == pytest.approx(20, rel=1e-9)


def test_numbers_and_their_errors_are_those_of_a_fit_of_the_law(noisy: Mapping[str, Estimate]) -> None:
    def law(t: np.ndarray, k: float, room: float, above: float) -> np.ndarray:
        return np.asarray(room + above * np.exp(-k * t))

    best, covariance = curve_fit(law, TIMES, cooled(0.3), [0.3, 15, 60])
    assert [each.value for each in noisy.values()] == pytest.approx(best[:2], rel=1e-6)
    errors = [each.standard_error for each in noisy.values()]
    assert errors == pytest.approx(np.sqrt(np.diag(covariance))[:2], rel=1e-3)


def test_errors_grow_with_the_noise(noisy: Mapping[str, Estimate]) -> None:
    quiet = found(posed(COOLING, "k", "room"), cooled(0.03), 1.0, 10.0)
    for name, each in noisy.items():
        # To first order
        assert each.standard_error == pytest.approx(10 * quiet[name].standard_error, rel=0.1)


def test_units_change_nothing_but_the_numbers_themselves(noisy: Mapping[str, Estimate]) -> None:
    problem = posed(COOLING, "k", "room", high=300)
    other = found(problem, 1e-6 * cooled(0.3), 1.0 / 60, 1e-5, times=60 * TIMES)
    for name, factor in (("k", 1 / 60), ("room", 1e-6)):
        assert other[name].value == pytest.approx(factor * noisy[name].value, rel=1e-6)
        assert other[name].standard_error == pytest.approx(factor * noisy[name].standard_error, rel=1e-3)


def test_an_unknown_that_was_not_measured_is_found_along_with_the_numbers_whatever_its_unit() -> None:
    chain = ["Derivative(x(t), t) + k*x(t)", "Derivative(y(t), t) - 1000*k*x(t) + y(t)"]
    fed = 1000 * (np.exp(-0.5 * TIMES) - np.exp(-TIMES))  # from x(0) = 1 and y(0) = 0
    solution = solution_of(list(estimate(posed(chain, "k", unknowns=["x", "y"]), {1: at(TIMES, fed)}, [0.8])))
    assert solution.coefficients == pytest.approx([0.5], rel=1e-6)
    assert solution.values({"t": TIMES})[0] == pytest.approx(np.exp(-0.5 * TIMES), abs=1e-6)


def test_oscillations_that_the_first_grid_cannot_hold_are_followed() -> None:
    times = np.linspace(0, 20, 81)
    values = np.exp(-0.1 * times) * np.cos(2 * times)
    equation = "Derivative(y(t), t, 2) + b*Derivative(y(t), t) + c*y(t)"
    numbers = found(posed(equation, "b", "c", high=20.0), values, 0.3, 3.2, times=times)
    assert [each.value for each in numbers.values()] == pytest.approx([0.2, 4.01], rel=1e-7)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_numbers_of_which_the_sum_alone_matters_have_no_error_that_is_told(noise: float) -> None:
    numbers = found(
        posed("Derivative(y(t), t) + (a + b)*y(t)", "a", "b"), fallen(0.7) + noise * NOISE, 1, 1.5
    )
    assert numbers["a"].value + numbers["b"].value == pytest.approx(0.7, abs=0.01)
    assert [each.standard_error for each in numbers.values()] == [np.inf, np.inf]


def test_a_number_that_changes_nothing_keeps_its_start_and_spoils_no_other() -> None:
    values = fallen(0.7) + 0.01 * NOISE
    numbers = found(
        posed("Derivative(y(t), t) + k*y(t) + idle*(y(t) - y(t)*1.0)", "k", "idle"), values, 1, 1.5
    )
    alone = found(posed(DECAY, "k"), values, 1.0)["k"]
    assert (numbers["idle"].value, numbers["idle"].standard_error) == (1.5, np.inf)
    assert numbers["k"].value == pytest.approx(alone.value, rel=1e-9)
    assert 0.9 < numbers["k"].standard_error / alone.standard_error < 1.1  # one number more was asked for


def test_as_many_numbers_as_measurements_leave_no_scatter_to_tell_an_error_by() -> None:
    rate = found(posed(DECAY, "k"), fallen(0.7)[:2], 1.0, times=TIMES[:2])["k"]
    assert rate.value == pytest.approx(0.7, rel=1e-9)
    assert rate.standard_error == np.inf


def test_the_equations_hold_whatever_was_measured() -> None:
    values = fallen(0.7) + 0.3 * NOISE
    solution = solution_of(list(estimate(posed(DECAY, "k"), {0: at(TIMES, values)}, [1.0])))
    (violation,), _ = solution.violations
    assert violation.relative < 1e-6


def test_progress_rises_to_the_solution() -> None:
    reached = list(estimate(posed(DECAY, "k"), {0: at(TIMES, fallen(0.7))}, [1.0]))
    shares = [each.fraction for each in reached]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert reached[0].solution is None


def test_once_time_is_up_there_is_a_solution_all_the_same() -> None:
    problem, measured = posed(DECAY, "k"), {0: at(TIMES, fallen(0.7))}
    solution = solution_of(list(estimate(problem, measured, [1.5], should_stop=lambda: True)))
    assert solution.coefficients.tolist() == [1.5]


def test_numbers_that_are_known_stand_in_the_equations() -> None:
    problem = substitute_coefficients(posed(DECAY, "k", conditions=[({"t": 0}, "y(0) - 2")]), [0.7])
    assert problem.coefficients == ()
    *_, reached = solve_adaptively(problem)
    assert reached.solution is not None
    assert reached.solution.values({"t": TIMES})[0] == pytest.approx(fallen(0.7), abs=1e-9)
