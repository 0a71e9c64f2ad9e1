"""Whether residuals depend on the columns, and whether the test could have seen it."""

import numpy as np
import pytest

from kan_engine.assessment.evidence.residual_test import ResidualTest, examine_residuals
from kan_engine.assessment.thresholds import (
    DEFAULT_ASSESSMENT,
    AssessmentThresholds,
    ResidualTestThresholds,
)

ROWS, COLUMNS = 200, 3


def columns(seed: int = 0, rows: int = ROWS, count: int = COLUMNS) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (rows, count))


def noise(kind: str, x: np.ndarray, seed: int) -> np.ndarray:
    generator = np.random.default_rng([1, seed])
    heavy = generator.standard_t(3, len(x))
    even = generator.normal(size=len(x))
    return {"normal": even, "heavy": heavy, "growing": even * np.exp(x[:, 0]), "skewed": np.exp(even)}[kind]


SIGNALS = {
    "curve": lambda x: np.exp(2 * x[:, 0]),
    "sine": lambda x: np.sin(5 * x[:, 1]),
    "step": lambda x: np.where(x[:, 2] > 0.3, 1.0, 0.0),
    "product": lambda x: x[:, 0] * x[:, 1],
    "difference": lambda x: np.cos(4 * (x[:, 0] - x[:, 2])),
}


# Half the time of a test is that of its power
NO_POWER = AssessmentThresholds(residual_test=ResidualTestThresholds(power_draws=1))


def is_clean(found: ResidualTest) -> bool:
    """Whether the test does not reject, although it is powerful enough."""
    limits = DEFAULT_ASSESSMENT
    return found.p_value > limits.significance_level and found.power >= limits.min_power


@pytest.mark.parametrize("kind", ["normal", "heavy", "growing", "skewed"])
def test_noise_alone_is_rarely_a_finding(kind: str) -> None:
    found = 0
    for seed in range(40):
        x = columns(seed, rows=60)
        found += examine_residuals(noise(kind, x, seed), x, seed=seed, thresholds=NO_POWER).p_value <= 0.05
    assert found <= 7  # of 2 expected


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("noisy", ["normal", "heavy", "growing"])
def test_a_signal_of_the_size_of_the_noise_is_found(kind: str, noisy: str) -> None:
    x = columns()
    signal, errors = SIGNALS[kind](x), noise(noisy, x, 0)
    found = examine_residuals(errors + signal / signal.std() * errors.std(), x)
    assert found.p_value <= 0.01
    assert not is_clean(found)


@pytest.mark.parametrize("periods", [5, 20, 60])
def test_a_fast_oscillation_without_noise_is_found(periods: int) -> None:
    x = columns(rows=400)
    assert examine_residuals(np.sin(np.pi * periods * x[:, 1]), x).p_value <= 0.01


def test_a_product_of_three_columns_without_noise_is_found() -> None:
    x = columns(rows=400)
    assert examine_residuals(x.prod(1), x).p_value <= 0.01


def test_a_smooth_function_of_six_columns_without_noise_is_found() -> None:
    x = columns(rows=300, count=6)
    assert examine_residuals(np.cos(1.5 * x.sum(1)), x).p_value <= 0.01


def test_noise_in_many_rows_is_clean() -> None:
    x = columns(rows=300)
    assert is_clean(examine_residuals(noise("normal", x, 1), x))


def test_noise_in_few_rows_is_not_clean_though_nothing_is_found() -> None:
    x = columns(rows=30)
    found = examine_residuals(noise("normal", x, 1), x)
    assert found.p_value > 0.03
    assert found.power < 0.5
    assert not is_clean(found)


def test_a_larger_signal_would_be_seen_more_often() -> None:
    x = columns(rows=60)
    powers = [examine_residuals(noise("normal", x, 0), x, size=size).power for size in (0.05, 0.25, 1.0, 4.0)]
    assert powers == sorted(powers)
    assert powers[0] < 0.3
    assert powers[-1] > 0.9


def test_the_stated_power_is_the_share_of_signals_found() -> None:
    """Other signals than those planted, in other noise: 0.15 is twice the standard error of 40."""
    found, stated = [], []
    for seed in range(40):
        x = columns(seed, rows=80)
        signal, errors = list(SIGNALS.values())[seed % len(SIGNALS)](x), noise("normal", x, seed)
        whole = errors + 0.5 * (signal - signal.mean()) / signal.std() * errors.std()
        found.append(examine_residuals(whole, x, seed=seed).p_value <= 0.03)
        stated.append(examine_residuals(errors, x, seed=seed).power)
    assert abs(np.mean(found) - np.mean(stated)) < 0.15


def test_the_tangents_of_fitted_constants_keep_the_level() -> None:
    """Eight constants fitted on 40 rows take a fifth of the noise along; without tangents p is too large."""
    with_tangents, without = [], []
    for seed in range(50):
        x = columns(seed, rows=40)
        tangents = np.column_stack([np.ones(40), x, x**2, x[:, 0] ** 3])
        errors = noise("normal", x, seed)
        left = errors - tangents @ np.linalg.lstsq(tangents, errors, rcond=None)[0]
        with_tangents.append(
            examine_residuals(left, x, tangents=tangents, seed=seed, thresholds=NO_POWER).p_value
        )
        without.append(examine_residuals(left, x, seed=seed, thresholds=NO_POWER).p_value)
    assert 0.38 < np.mean(with_tangents) < 0.62  # 1/2 within three standard errors
    assert np.mean(without) > np.mean(with_tangents) + 0.05


def test_a_residual_that_is_no_number_is_a_finding() -> None:
    x, errors = columns(), noise("normal", columns(), 0)
    errors[3] = np.nan
    assert examine_residuals(errors, x) == ResidualTest(p_value=0.0, power=1.0, rows=ROWS)


def test_no_residuals_at_all_are_clean() -> None:
    assert is_clean(examine_residuals(np.zeros(ROWS), columns()))


@pytest.mark.parametrize("rows", [1, 2, 5, 10])
def test_too_few_rows_are_never_clean(rows: int) -> None:
    x = columns(rows=rows)
    assert not is_clean(examine_residuals(noise("normal", x, 0), x))


def test_columns_that_are_all_constant_can_hold_no_signal() -> None:
    found = examine_residuals(noise("normal", columns(), 0), np.ones((ROWS, 2)))
    assert found.p_value == 1.0
    assert is_clean(found)


def test_rows_of_weight_zero_take_no_part() -> None:
    x, weights = columns(), np.ones(ROWS)
    errors = noise("normal", x, 0)
    weights[:50], errors[:50] = 0.0, 1e9 * x[:50, 0]
    assert examine_residuals(errors, x, weights) == examine_residuals(errors[50:], x[50:])


def test_one_wild_row_neither_hides_nor_makes_a_finding() -> None:
    x = columns()
    clean, errors = noise("normal", x, 0), noise("normal", x, 0) + 2 * x[:, 0]
    clean[7] = errors[7] = 1e6
    assert is_clean(examine_residuals(clean, x))
    assert examine_residuals(errors, x).p_value <= 0.01


def test_categories_coded_as_zero_and_one_are_columns_like_others() -> None:
    x = columns()
    x[:, 1:] = x[:, 1:] > 0.5
    errors = noise("normal", x, 0)
    assert is_clean(examine_residuals(errors, x))
    assert examine_residuals(errors + x[:, 1], x).p_value <= 0.01
