"""What a formula leaves of the data."""

import numpy as np

from kan_engine import Expression
from kan_engine.assessment.evidence.residual_signal import measure_residual_signal
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.nodes import Variable

X, Y = Variable("x"), Variable("y")


def rows(count: int, seed: int) -> LabelledRows:
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(-1, 1, count) for name in "xy"}
    target = columns["x"] + columns["y"] ** 2 + generator.normal(0, 0.05, count)
    return LabelledRows.from_columns(columns, target)


def left(formula: Expression) -> float:
    return measure_residual_signal(formula, rows(600, 0), rows(200, 1), thresholds=DEFAULT_ASSESSMENT)


def test_the_law_behind_the_rows_leaves_no_signal() -> None:
    assert left(X + Y**2) < 0.03


def test_a_formula_without_a_term_leaves_that_term() -> None:
    assert left(X + 0.3 * Y**2) > 0.5


def test_a_formula_that_is_no_number_somewhere_leaves_everything() -> None:
    assert left(X**0.5) == 1.0


def test_a_signal_that_a_few_large_residuals_hide_is_found() -> None:
    generator = np.random.default_rng(0)

    def draw(count: int) -> LabelledRows:
        columns = {name: generator.uniform(-1, 1, count) for name in "xy"}
        large = 1000 * generator.standard_normal(count) * (generator.random(count) < 0.02)
        return LabelledRows.from_columns(columns, columns["x"] + columns["y"] ** 2 + large)

    first, second = draw(600), draw(200)
    assert measure_residual_signal(X, first, second, thresholds=DEFAULT_ASSESSMENT) > 0.2
    assert measure_residual_signal(X + Y**2, first, second, thresholds=DEFAULT_ASSESSMENT) < 0.03


def test_residuals_count_by_the_weights_of_their_rows() -> None:
    known = rows(600, 0)
    far = known.columns["y"] > 0.5
    equal = known.with_target(np.where(far, known.y + 3 * known.columns["x"], known.y))
    weighed = equal.reweigh(np.where(far, 1e-6, 1.0))
    assert measure_residual_signal(X + Y**2, weighed, weighed, thresholds=DEFAULT_ASSESSMENT) < 0.3
    assert measure_residual_signal(X + Y**2, equal, equal, thresholds=DEFAULT_ASSESSMENT) > 0.7
