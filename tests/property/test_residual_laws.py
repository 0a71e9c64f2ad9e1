"""Laws of the residual test: what does not change it, and what it promises on average."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.assessment.evidence.residual_test import examine_residuals
from kan_engine.assessment.thresholds import AssessmentThresholds, ResidualTestThresholds

seeds = st.integers(0, 2**32 - 1)


def table(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(int(generator.integers(12, 60)), int(generator.integers(1, 4))))
    return generator.normal(size=len(x)) + generator.choice([0.0, 0.5]) * x[:, 0] ** 2, x


@settings(max_examples=15, deadline=None)
@given(seed=seeds, exponent=st.integers(-200, 200))
def test_the_unit_of_the_residuals_does_not_matter(seed: int, exponent: int) -> None:
    residuals, x = table(seed)
    assert examine_residuals(residuals * 2.0**exponent, x) == examine_residuals(residuals, x)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_increasing_transforms_of_the_columns_do_not_matter(seed: int) -> None:
    residuals, x = table(seed)
    assert examine_residuals(residuals, np.exp(x) - 7) == examine_residuals(residuals, x)
    assert examine_residuals(residuals, x**3) == examine_residuals(residuals, x)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    residuals, x = table(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    assert examine_residuals(residuals[order], x[order]) == examine_residuals(residuals, x)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, count=st.integers(1, 3))
def test_constant_columns_do_not_matter(seed: int, count: int) -> None:
    residuals, x = table(seed)
    wider = np.column_stack([x, *[np.full(len(x), 3.0)] * count])
    assert examine_residuals(residuals, wider) == examine_residuals(residuals, x)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
def test_the_unit_of_the_weights_does_not_matter(seed: int, factor: float) -> None:
    residuals, x = table(seed)
    weights = np.random.default_rng(seed).uniform(0.5, 2, len(x))
    one, other = (examine_residuals(residuals, x, scale * weights) for scale in (1.0, factor))
    assert one.p_value == pytest.approx(other.p_value, abs=0.01)  # rounding may swap two equal draws


def test_p_values_are_uniform_where_nothing_is_to_be_found() -> None:
    """Kolmogorov-Smirnov's distance of 150 tables; 0.16 is passed by chance in 1 of 1,000."""
    # p is compared with other draws
    no_power = AssessmentThresholds(residual_test=ResidualTestThresholds(power_draws=1))
    p_values = []
    for seed in range(150):
        generator = np.random.default_rng(seed)
        x = generator.uniform(size=(40, 1 + seed % 3))
        residuals = generator.standard_t(4, 40)
        p_values.append(examine_residuals(residuals, x, seed=seed, thresholds=no_power).p_value)
    places = np.arange(1, 151) / 150
    assert np.abs(np.sort(p_values) - places).max() < 0.16


def test_power_rises_with_the_rows() -> None:
    generator = np.random.default_rng(0)
    powers = []
    for rows in (20, 60, 180, 540):
        x = generator.normal(size=(rows, 4))
        powers.append(examine_residuals(generator.normal(size=rows), x).power)
    assert powers == sorted(powers)
    assert powers[0] < 0.3
    assert powers[-1] > 0.95
