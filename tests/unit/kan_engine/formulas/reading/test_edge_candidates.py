"""Ways to write an edge: closed forms, logarithms of them, and when the search for them ends."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from kan_engine.expressions.evaluation import evaluate, variables
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.reading import closed_forms
from kan_engine.formulas.reading.closed_forms import (
    LOGARITHMS,
    Effort,
    iterate_closed_forms,
    iterate_logarithms,
    search_forms,
)
from kan_engine.formulas.reading.curve_form import CurveForm
from kan_engine.formulas.reading.edge_candidates import Choice, find_edge_candidates, find_edge_choices
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints
from tests.support.engine.laws import sampled
from tests.support.engine.readings import reading_of, write_shape

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]

U = np.linspace(0.1, 0.8, 200)
AXIS = FitPoints(U)
FINE = NoiseModel.exact(1e-9)


def values_of(form: CurveForm | Choice, columns: dict[str, Array]) -> Array:
    return evaluate(form.total.tree, columns)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda v: 1 / np.sqrt(1 - v**2), "-log(c0*u**2 + 1)/2"),
        (lambda v: (1 + v) ** 2, "2*log(c0*u + 1)"),
        (lambda v: 1 + v**2, "log(c0*u**2 + 1)"),
        (lambda v: v + v**3, "log(u + c0*u**3)"),
        (lambda v: 2 - v, "log(c0*u + 1)"),
        (lambda v: v**1.5, "c0*log(u)"),
    ],
)
def test_the_logarithm_of_a_simple_function_is_read(f: object, expected: str) -> None:
    v = np.log(3 * f(U))  # type: ignore[operator]
    best = search_forms(AXIS, v, FINE, logarithms=LOGARITHMS, last_effort=Effort.PLAIN)[0]
    assert write_shape(best.total) == expected
    np.testing.assert_allclose(values_of(best, {"u": U}), v, atol=1e-9)


@pytest.mark.parametrize(
    ("f", "power", "expected"),
    [
        (lambda v: 1 / (2 - np.exp(v / 2)), -1, "-log(c0*exp(c1*u) + 1)"),
        (lambda v: np.sin(v) + 2, 1, "log(c0*sin(c1*u) + 1)"),
        (lambda v: np.sqrt(np.cosh(2 * v) - 3), 2, "log(c0*cosh(c1*u) - 1)/2"),
    ],
)
def test_with_more_effort_its_function_may_have_constants(f: object, power: float, expected: str) -> None:
    u = U + 1
    v = np.log(f(u if power == 2 else U))  # type: ignore[operator]
    axis = FitPoints(u) if power == 2 else AXIS
    best = min(fit_logarithms(v, Effort.SINGLE, power, axis), key=lambda form: form.score(FINE))
    assert write_shape(best.total) == expected
    assert best.error < 1e-9


def fit_logarithms(v: Array, effort: Effort, power: float, axis: FitPoints = AXIS) -> list[CurveForm]:
    return list(iterate_logarithms(axis, v, FINE, effort, [Fraction(power)]))


def test_a_logarithm_is_read_only_where_the_network_gives_one() -> None:
    v = -np.log(1 - U**2) / 2
    found = search_forms(AXIS, v, FINE, last_effort=Effort.PLAIN)
    assert not any("log" in to_text(form.total.tree) for form in found)


@pytest.mark.parametrize("power", [0.5, -2.0])
def test_only_the_powers_that_were_asked_for_are_looked_at(power: float) -> None:
    v = np.log(1 + U**2) / power
    assert min(form.error for form in fit_logarithms(v, Effort.PLAIN, power)) < 1e-9
    assert min(form.error for form in fit_logarithms(v, Effort.PLAIN, 0.25)) > 1e-9


@pytest.mark.parametrize("v", [1e4 * U, 1e-12 * U, np.full(len(U), 3.0)], ids=["huge", "tiny", "flat"])
def test_a_curve_too_large_or_flat_to_be_a_logarithm_is_none(v: Array) -> None:
    assert fit_logarithms(v, Effort.PLAIN, 1) == []


def test_a_logarithm_of_what_is_negative_somewhere_is_left_out() -> None:
    noise = np.random.default_rng(0).normal(0, 3, len(U))  # F fits badly, and crosses 0
    found = iterate_logarithms(AXIS, noise, NoiseModel.exact(0.01), Effort.PLAIN, LOGARITHMS)
    assert all(np.isfinite(values_of(form, {"u": AXIS.u})).all() for form in found)


@pytest.mark.parametrize(
    ("v", "efforts"),
    [
        (np.sqrt(U), [Effort.PLAIN]),
        (np.sin(5 * U), [Effort.PLAIN, Effort.SINGLE]),
        (np.sin(5 * U) + np.log(U), [Effort.PLAIN, Effort.SINGLE, Effort.SUMS]),
    ],
)
def test_no_more_effort_is_made_once_a_form_is_close(
    v: Array, efforts: list[Effort], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counted(axis: FitPoints, v: Array, known: NoiseModel, effort: Effort) -> Iterator[CurveForm]:
        made.append(effort)
        return iterate_closed_forms(axis, v, known, effort)

    monkeypatch.setattr(closed_forms, "iterate_closed_forms", counted)
    found = search_forms(AXIS, v, FINE, last_effort=Effort.SUMS)
    assert made == efforts
    assert len(found) <= 5


def test_forms_of_a_column_are_in_its_own_variable() -> None:
    sample = sampled(lambda a, b: a + b, 2, 60)
    found = find_edge_candidates(3 * sample.raw[:, 1].numpy() ** 2, 1, reading_of(sample), FINE)
    assert {name for form in found for name in variables(form.total.tree)} == {"x2"}
    assert write_shape(found[0].total) == "c0*x2**2"


def test_every_direct_edge_has_choices_of_its_own_best_first() -> None:
    sample = sampled(lambda a, b: np.exp(a) + b**2, 2, 60)
    a, b = sample.raw.numpy().T
    first, second = find_edge_choices({0: 2 * np.exp(3 * a), 1: 3 * b**2}, reading_of(sample), 0)
    assert (write_shape(first[0].total), write_shape(second[0].total)) == ("c0*exp(c1*x1)", "c0*x2**2")
    for part in (first, second):
        assert [choice.score for choice in part] == sorted(choice.score for choice in part)


def test_a_single_edge_is_read_off_the_values_themselves() -> None:
    def law(a: Array) -> Array:
        return np.asarray(2 * np.sin(a**2) + 3 * a)

    # What a spline would know
    reading = replace(reading_of(sampled(law, 1, 120)), known=NoiseModel.exact(1e-4))
    (found,) = find_edge_choices({0: reading.network_target}, reading, 0)
    assert write_shape(found[0].total) == "c0*x1 + c1*sin(x1**2)"


@pytest.mark.parametrize("transform", ["log", "log_neg"])
def test_of_a_single_edge_into_a_logarithm_the_logarithm_is_read(transform: str) -> None:
    sign = 1 if transform == "log" else -1
    sample = sampled(lambda a: sign * (1 + a**2), 1, 120)
    reading = replace(reading_of(sample), transform=transform)
    assert reading.logarithms
    (found,) = find_edge_choices({0: reading.network_target}, reading, 0)
    np.testing.assert_allclose(
        values_of(found[0], dict(reading.fit.columns)), reading.network_target, atol=1e-9
    )
    assert write_shape(found[0].total) == "log(c0*x1**2 + 1)"


def test_a_noisy_curve_is_read_to_its_noise() -> None:
    v = 2 * U + np.random.default_rng(0).normal(0, 0.02, len(U))
    best = search_forms(AXIS, v, NoiseModel.exact(0.03), last_effort=Effort.SINGLE)[0]
    assert write_shape(best.total) == "c0*u"
