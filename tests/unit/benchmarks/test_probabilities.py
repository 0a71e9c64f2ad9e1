"""The sections on probabilities and next rows: tables, what is right, and the calibration error."""

import numpy as np
import pytest

from kan_engine.expressions.evaluation import Variable, add, call, mul
from kan_engine.formulas.rival_probabilities import RivalFeatures
from tests.benchmarks.rows import Measured, Row
from tests.benchmarks.sections.laws import next_rows, probabilities
from tests.benchmarks.verdicts.calibration import NAMES, fit_weights
from tests.benchmarks.verdicts.generated import draw_table, list_sources, list_tables
from tests.benchmarks.verdicts.right import is_right

X, Z = Variable("x"), Variable("z")
FRESH = dict(zip("xz", np.random.default_rng(0).uniform(1, 2, (2, 300)), strict=True))


def row(who: str, **values: float) -> Row:
    return Row(
        section="probabilities", work="no noise", who=who, seed=0, code="", commit="abc", at="", seconds=1,
        peak_mib=1, load=0, values=dict(values),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "right"),
    [
        (mul(7.0, X, Z), True),
        (mul(2, X, Z), True),  # exact numbers are constants, too
        (mul(X, Z), True),  # up to a factor
        (add(mul(3.0, X, Z), mul(0.1, X)), True),  # with certain constants
        (mul(3.0, X, X), False),
        (add(mul(3.0, X), call("log", Z)), False),
    ],
)
def test_a_formula_is_right_if_it_is_the_law_with_certain_constants(tree, right: bool) -> None:  # type: ignore[no-untyped-def]
    assert is_right(tree, FRESH, 3 * FRESH["x"] * FRESH["z"]) == right


def test_a_term_below_the_tolerance_may_lack() -> None:
    truth = 3 * FRESH["x"] + 0.001 * np.sin(9 * FRESH["z"])
    assert not is_right(mul(3.0, X), FRESH, truth)
    assert is_right(mul(3.0, X), FRESH, truth, tolerance=0.01)


def test_there_are_four_tables_of_each_of_a_hundred_sources() -> None:
    assert len(list(list_tables())) == 400
    assert sum(source.is_law for source in list_sources()) == 80
    for place in (0, 45, 81, 95):
        case = draw_table(place, 1)
        hidden = list_sources()[place].hidden
        assert hidden not in case.columns
        assert 40 <= len(case.columns["y"]) <= 2_000
        assert 0.009 < case.noise / case.spread < 0.051
        np.testing.assert_array_equal(case.columns["y"], draw_table(place, 1).columns["y"])


def test_the_calibration_error_is_the_distance_of_what_is_told_and_what_is_true() -> None:
    perfect = [
        ("a", share, float(number < 10 * share))
        for share in (0.0, 0.2, 0.5, 0.8, 1.0)
        for number in range(10)
    ]
    assert probabilities.measure_calibration(perfect) == pytest.approx(0)
    assert probabilities.measure_calibration([("a", 0.9, 0.0)] * 10) == pytest.approx(0.9)
    low, high = probabilities.bootstrap_calibration([("a", 0.9, 1.0), ("b", 0.9, 0.0)] * 5)
    assert low <= 0.4 <= high


def test_the_summary_counts_verdicts_and_bins() -> None:
    rows = [
        row(f"law {number}", probability=number / 10, claimed=1.0, false=0.0, law=1.0, **{"is right": 1.0})
        for number in range(10)
    ]
    told = probabilities.summary(Measured(rows, is_other=False))
    assert "Calibration error" in told
    assert "| no noise | 10 | 10 | 10 | 0 | 0 |" in told


def test_weights_follow_what_makes_formulas_right() -> None:
    """Rivals that pass the tests are right, others are not."""

    def describe(tests: float) -> RivalFeatures:
        return RivalFeatures(delta=0, lead=0, compression=1, tests=tests, constants=1, noise=-3, oddity=0)

    weights = fit_weights([([describe(float(number % 2))], [bool(number % 2)]) for number in range(60)])
    assert tuple(weights) == NAMES
    assert weights["tests"] > 2


def test_the_ratio_of_next_rows_needs_twenty_laws() -> None:
    rows = [row(f"law {number}", ratio=0.5) for number in range(20)]
    assert next_rows.median_ratio(Measured(rows, is_other=False)) == 0.5
    assert np.isnan(next_rows.median_ratio(Measured(rows[:5], is_other=False)))
