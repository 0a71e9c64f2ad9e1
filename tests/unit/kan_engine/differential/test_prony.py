"""Sums of exponentials, oscillations and powers, from a spline and its derivatives."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.differential.prony import fit_exponential_sum
from kan_engine.differential.thresholds import DEFAULT_SOLUTION_LAWS
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.constant_fitting import ParametricForm
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline
from tests.support.engine.laws import Law

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

FLOOR = 1e-9  # above what the spline below is wrong by


def spline_of(law: Law, low: float, high: float) -> TensorSpline:
    axis = SplineAxis.uniform(low, high, 64, 9)
    return TensorSpline.interpolate([axis], law(axis.interpolation_points())[None])


def samples(spline: TensorSpline) -> tuple[np.ndarray, LabelledRows, LabelledRows]:
    """Derivatives at places, the values there, and those at other places."""
    random, grid = np.random.default_rng(0), spline.axes[0].grid
    fit, validation = (random.uniform(grid[0], grid[-1], rows)[:, None] for rows in (500, 200))
    slopes = np.stack([spline.evaluate_points(fit, [order])[0] for order in range(5)])
    return (
        slopes,
        LabelledRows.from_columns({"x": fit[:, 0]}, slopes[0]),
        LabelledRows.from_columns({"x": validation[:, 0]}, spline.evaluate_points(validation)[0]),
    )


def found(law: Law, low: float = 0.0, high: float = 5.0) -> str | None:
    slopes, fit, validation = samples(spline_of(law, low, high))
    form = fit_exponential_sum({"x": slopes}, fit, validation, FLOOR, DEFAULT_SOLUTION_LAWS)
    return None if form is None else written(form, fit, validation)


def written(form: ParametricForm, fit: LabelledRows, validation: LabelledRows) -> str:
    tree = finalize_formula(form, fit, validation)
    return to_text(tree)


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda x: np.exp(-x / 5) * np.cos(2 * x), "cos(2*x)*exp(-0.2*x)"),
        (lambda x: 1 + np.exp(-x), "exp(-x) + 1"),
        (np.cosh, "cosh(x)"),
        (lambda x: np.sinh(x) + np.exp(-3 * x), "exp(-3*x) + sinh(x)"),
        (lambda x: np.cos(x) * np.cos(3 * x), "(cos(2*x) + cos(4*x))/2"),
        (lambda x: np.exp(-x) * (2 + np.sin(2 * x)), "(sin(2*x) + 2)*exp(-x)"),
    ],
)
def test_sums_of_exponentials_and_oscillations_are_found(law: Law, text: str) -> None:
    assert found(law) == text


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda x: x * np.exp(-x), "x*exp(-x)"),
        (lambda x: x**2 * np.exp(-x), "x**2*exp(-x)"),
        (lambda x: x * np.sin(x), "x*sin(x)"),
        (lambda x: np.sin(x) + x / 2, "x/2 + sin(x)"),
    ],
)
def test_a_multiple_rate_brings_in_powers_of_the_variable(law: Law, text: str) -> None:
    assert found(law) == text


def test_four_exponentials_are_told_apart() -> None:
    text = found(lambda x: np.exp(-x) - np.exp(-2 * x) + np.exp(-3 * x) - np.exp(-4 * x))
    assert text is not None
    assert text.count("exp") == 4


def test_a_steep_exponential_is_written_about_its_larger_end() -> None:
    assert found(lambda x: np.exp(-12 * (x - 4.5)), 4.5, 5.5) == "exp(54 - 12*x)"


@pytest.mark.parametrize(
    "law",
    [
        np.tanh,
        lambda x: np.exp(-(x**2)),
        lambda x: 1 / (1 + x),
        lambda x: np.exp(-x) + 1e-6 * np.random.default_rng(0).normal(size=len(x)),
    ],
)
def test_what_is_no_such_sum_is_declined(law: Law) -> None:
    assert found(law) is None


def of_two(law: Law, along: dict[str, list[Law]]) -> ParametricForm | None:
    """A function of x and t, with functions of each that span it."""
    random = np.random.default_rng(0)
    derivatives = {}
    sets = [{"x": random.uniform(0, 3, rows), "t": random.uniform(0, 4, rows)} for rows in (800, 300)]
    for name, functions in along.items():
        splines = [spline_of(function, 0.0, 4.0) for function in functions]
        places = sets[0][name][:, None]
        slopes = [
            np.stack([each.evaluate_points(places, [order])[0] for each in splines], 1) for order in range(5)
        ]
        derivatives[name] = np.stack(slopes).reshape(5, -1)
    fit, validation = (LabelledRows.from_columns(columns, np.asarray(law(**columns))) for columns in sets)
    return fit_exponential_sum(derivatives, fit, validation, FLOOR, DEFAULT_SOLUTION_LAWS)


def test_a_damped_wave_is_an_oscillation_of_one_angle() -> None:
    form = of_two(
        lambda x, t: np.exp(-0.1 * t) * np.sin(x - 2 * t),
        {
            "x": [np.sin, np.cos],
            "t": [lambda t: np.exp(-0.1 * t) * np.cos(2 * t), lambda t: np.exp(-0.1 * t) * np.sin(2 * t)],
        },
    )
    assert form is not None
    np.testing.assert_allclose(sorted(np.abs(form.values)), [0.1, 1, 1, 2], 1e-9)
    text = to_text(form.numeric_tree)
    assert (text.count("sin"), text.count("cos"), text.count("exp")) == (1, 0, 1)


def test_two_decaying_modes_keep_their_own_rates() -> None:
    form = of_two(
        lambda x, t: np.sin(x) * np.exp(-t) + np.sin(2 * x) * np.exp(-4 * t) / 2,
        {
            "x": [np.sin, lambda x: np.sin(2 * x)],
            "t": [lambda t: np.exp(-t), lambda t: np.exp(-4 * t)],
        },
    )
    assert form is not None
    assert sorted(np.abs(form.values)) == pytest.approx([0.5, 1, 1, 1, 2, 4], abs=1e-8)


def test_what_is_no_sum_of_products_is_declined() -> None:
    laws = {"x": [np.sin, np.cos], "t": [np.sin, np.cos]}
    assert of_two(lambda x, t: np.sin(x * t), laws) is None
    assert of_two(lambda x, t: np.tanh(x), {"x": [np.tanh], "t": [np.ones_like]}) is None
