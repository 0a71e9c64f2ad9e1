"""Sums of exponentials and damped oscillations are found whatever their constants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Variable, evaluate, parametrize_floats
from kan_engine.formulas.reading.curve_form import CurveForm
from kan_engine.formulas.reading.damped_oscillations import fit_oscillation_sums
from kan_engine.formulas.strategies.exact.univariate_law import find_univariate_law
from tests.support.engine.laws import Law
from tests.support.engine.readings import compute

U = np.sort(np.random.default_rng(0).uniform(0, 5, 120))

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]


def values_of(found: CurveForm, u: np.ndarray) -> np.ndarray:
    return compute(found.total, u=u)


def list_constants(found: CurveForm) -> list[float]:
    """The constants of a sum but the additive one."""
    return [
        constant for term, c in found.total.terms.items() for constant in (c, *parametrize_floats(term)[1])
    ]


def nearest(law: Law, u: np.ndarray = U) -> CurveForm:
    """The shortest of the exact sums, or the closest one."""
    return min(fit_oscillation_sums(u, law(u)), key=lambda found: (max(found.error, 1e-9), found.complexity))


@given(
    rate=st.floats(-2, 0.5),
    frequency=st.floats(1, 15),
    phase=st.floats(-3, 3),
    factor=st.floats(0.1, 1e3),
    constant=st.floats(-1e3, 1e3),
)
def test_any_damped_oscillation_is_found(
    rate: float, frequency: float, phase: float, factor: float, constant: float
) -> None:
    def law(u: np.ndarray) -> np.ndarray:
        return factor * np.exp(rate * u) * np.cos(frequency * u + phase) + constant

    found = nearest(law)
    assert found.error < 1e-8
    assert values_of(found, U) == pytest.approx(law(U), rel=1e-6, abs=1e-6 * factor)


@pytest.mark.parametrize(
    ("law", "constants"),
    [
        (lambda u: 3 * np.exp(-2 * u) - 2 * np.exp(-0.3 * u), 4),
        (lambda u: np.exp(-0.4 * u) + 0.5 * np.sin(3 * u), 4),
        (lambda u: np.cos(10 * u) + np.cos(4 * u), 4),
        (lambda u: np.sin(2 * u) * np.exp(-0.3 * u) + u / 2, 4),  # an oscillation with drift
        (lambda u: np.sin(3 * u) + 0.5 * np.sin(5 * u + 1) + 0.2 * np.cos(11 * u), 7),
    ],
)
def test_sums_are_found_without_the_constants_that_they_do_not_need(law: Law, constants: int) -> None:
    found = nearest(law)
    assert found.error < 1e-8
    assert len(list_constants(found)) == constants


def test_under_noise_the_short_form_is_hardly_worse() -> None:
    noise = 0.05 * np.random.default_rng(1).normal(size=len(U))
    long, short, *_ = fit_oscillation_sums(U, np.exp(-0.4 * U) * np.cos(4 * U) + noise)
    assert list_constants(short) == pytest.approx([1, -0.4, 4], rel=0.1)
    assert long.error < short.error < 1.05 * long.error


def test_far_from_zero_no_factor_leaves_the_numbers() -> None:
    years = 2000 + U
    found = nearest(lambda u: np.sin(3 * u), years)
    assert np.isfinite(list_constants(found)).all()
    assert values_of(found, years) == pytest.approx(np.sin(3 * years), abs=1e-6)


@pytest.mark.parametrize("u", [U[:14], np.ones(120), np.append(U, np.inf)], ids=["few", "one", "infinite"])
def test_places_that_can_tell_no_oscillation_give_none(u: np.ndarray) -> None:
    assert list(fit_oscillation_sums(u, np.random.default_rng(0).normal(size=len(u)))) == []


def test_a_damped_oscillation_is_the_law_of_a_table_of_one_column() -> None:
    t = np.random.default_rng(2).uniform(0, 5, 200)
    y = 2.3 * np.exp(-0.7 * t) * np.cos(3 * t + 0.4) + 1.3
    rows = LabelledRows.from_columns({"t": t}, y)
    law = find_univariate_law(Variable("t"), rows[:150], rows[150:])
    assert law is not None
    assert evaluate(law, {"t": t}) == pytest.approx(y, rel=1e-9)
