"""An error is larger than expected only if chance does not explain it."""

import numpy as np
import pytest

from kan_engine.assessment.monitoring.error_comparison import ErrorComparison, ExpectedLoss, compare_errors
from kan_engine.assessment.monitoring.thresholds import DEFAULT_MONITORING

RNG = np.random.default_rng(0)


def compare(rows: int, size: float, *, constant: float = 100.0, known: int = 200) -> ErrorComparison:
    expected = ExpectedLoss(mean=1.0, rows=known, spread=None, measured_on="hold-out")
    losses = RNG.normal(0, size, rows) ** 2
    return compare_errors(losses, constant, expected, floor=1e-20, is_squared=True, limits=DEFAULT_MONITORING)


@pytest.mark.parametrize(("rows", "size"), [(300, 1.0), (5_000, 1.0), (300, 0.5)])
def test_errors_of_the_same_size_or_smaller_hold(rows: int, size: float) -> None:
    assert compare(rows, size).verdict == "holds"


def test_the_model_is_worse_if_its_errors_are_clearly_larger() -> None:
    found = compare(300, 1.6)
    assert found.verdict == "worse"
    assert found.low is not None
    assert found.low > 1.1


def test_it_fails_if_a_constant_is_as_good() -> None:
    assert compare(300, 3.0, constant=5.0).verdict == "fails"


def test_a_trifle_is_no_change_however_many_rows_show_it() -> None:
    found = compare(1_000_000, 1.05, known=1_000_000)
    assert found.low is not None
    assert found.low > 1.0
    assert found.verdict == "holds"


@pytest.mark.parametrize("rows", [1, 5])
def test_few_rows_decide_nothing(rows: int) -> None:
    expected = ExpectedLoss(mean=1.0, rows=200, spread=None, measured_on="hold-out")
    found = compare_errors(
        np.ones(rows), 9.0, expected, floor=1e-20, is_squared=True, limits=DEFAULT_MONITORING
    )
    assert found.verdict == "undecided"


def test_false_alarms_are_rare() -> None:
    verdicts = [compare(100, 1.0).verdict for _ in range(300)]
    assert verdicts.count("worse") <= 15  # the level is 5 % without the tolerance


@pytest.mark.parametrize("rows", [1, 50])
def test_errors_of_rounding_hold(rows: int) -> None:
    found = compare_errors(
        np.full(rows, 1e-26), 1.0, None, floor=1e-14, is_squared=True, limits=DEFAULT_MONITORING
    )
    assert found.verdict == "holds"


def test_without_an_expected_error_nothing_is_decided() -> None:
    found = compare_errors(np.ones(50), 2.0, None, floor=1e-14, is_squared=True, limits=DEFAULT_MONITORING)
    assert (found.verdict, found.ratio) == ("undecided", None)


def test_infinite_errors_fail() -> None:
    found = compare_errors(
        np.full(50, np.inf), np.inf, None, floor=np.inf, is_squared=True, limits=DEFAULT_MONITORING
    )
    assert found.verdict == "fails"


def test_without_a_prediction_nothing_is_decided() -> None:
    assert (
        compare_errors(np.zeros(0), 1.0, None, floor=0.0, is_squared=True, limits=DEFAULT_MONITORING).verdict
        == "undecided"
    )
