"""A polynomial in several variables that stands in for a law."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.chebyshev_surrogate import ChebyshevBasis, Surrogate, find_interior_rows
from tests.support.engine.laws import Law

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def rows(law: Law, count: int, seed: int, low: float = 0.5, high: float = 2.0) -> LabelledRows:
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(low, high, count) for name in "ab"}
    return LabelledRows.from_columns(columns, np.asarray(law(*columns.values())))


def fitted(law: Law, **ends: float) -> Surrogate:
    found = Surrogate.fit(rows(law, 400, 0, **ends), rows(law, 200, 1, **ends))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("law", "transform"),
    [
        (lambda a, b: a**2 * b - b, "identity"),
        (lambda a, b: np.exp(a * b - b**2), "log"),
        (lambda a, b: 1 / (1 + a**2 * b), "reciprocal"),
        (lambda a, b: np.sqrt(1 + a**2 + b), "square"),
    ],
)
def test_the_transform_under_which_a_law_is_a_polynomial_is_found(law: Law, transform: str) -> None:
    found = fitted(law)
    assert found.transform == transform
    assert found.error < 1e-12


def test_columns_are_taken_by_their_logarithms_where_that_is_closer() -> None:
    found = fitted(lambda a, b: np.log(a) * np.log(b) ** 2, low=0.01)
    assert found.basis.is_log == (True, True)
    assert found.error < 1e-12


def test_columns_that_are_not_positive_have_no_logarithms() -> None:
    assert fitted(lambda a, b: a * b, low=-1.0).basis.is_log == (False, False)


@pytest.mark.parametrize("low", [0.5, -1.0])
def test_slopes_are_derivatives_in_the_columns_themselves(low: float) -> None:
    found = fitted(lambda a, b: np.sin(a) * np.cos(2 * b), low=low, high=2.5)
    columns = rows(lambda a, b: a, 100, 2, low=low, high=2.5).columns
    a, b = columns["a"], columns["b"]
    slopes = found.slopes(columns)
    np.testing.assert_allclose(slopes[0], np.cos(a) * np.cos(2 * b), atol=1e-5)
    np.testing.assert_allclose(slopes[1], -2 * np.sin(a) * np.sin(2 * b), atol=1e-5)


def test_noise_is_not_imitated() -> None:
    generator = np.random.default_rng(3)
    noise = 0.1
    fit, validation = (rows(lambda a, b: a + b, count, count) for count in (400, 200))
    noisy = [part.with_target(part.y + generator.normal(0, noise, len(part))) for part in (fit, validation)]
    found = Surrogate.fit(*noisy)
    assert found is not None
    assert len(found.coefficients) <= 10
    assert found.error == pytest.approx(noise, rel=0.2)


def test_terms_never_outnumber_half_of_the_rows() -> None:
    columns = rows(lambda a, b: a, 30, 0).columns
    assert len(ChebyshevBasis.build(columns, (False, False)).terms) <= 15


def test_a_column_that_does_not_vary_does_no_harm() -> None:
    varied = rows(lambda a, b: a**3, 200, 0)
    still = LabelledRows.from_columns({"a": varied.columns["a"], "b": np.ones(200)}, varied.y)
    found = Surrogate.fit(still, still)
    assert found is not None
    assert found.error < 1e-10


def test_errors_are_weighed_by_what_the_target_was_divided_by() -> None:
    law = lambda a, b: np.abs(a - 1) + b  # noqa: E731
    fit, validation = rows(law, 400, 0), rows(law, 200, 1)
    plain, tenfold = (Surrogate.fit(fit, validation, factors) for factors in (None, np.full(200, 10.0)))
    assert plain is not None
    assert tenfold is not None
    assert tenfold.error == pytest.approx(10 * plain.error)


def test_rows_near_the_end_of_any_column_are_not_inside() -> None:
    columns = {"a": np.array([0.0, 5.0, 5.0, 10.0]), "b": np.array([5.0, 5.0, 0.2, 10.0])}
    basis = ChebyshevBasis.build(columns, (False, False))
    assert find_interior_rows(basis, columns, 0.9).tolist() == [False, True, False, False]


def test_fewer_rows_than_columns_have_no_polynomial() -> None:
    columns = {name: np.array([1.0, 2.0, 4.0]) ** power for power, name in enumerate("abcd")}
    few = LabelledRows.from_columns(columns, np.array([1.0, 3.0, 2.0]))
    assert Surrogate.fit(few, few) is None
