"""Whether errors are a share of the target or the same everywhere, by description length."""

import numpy as np
import pytest

from kan_engine.assessment.relative_errors import weigh_relative_errors
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.nodes import Expression, Variable, mul, number

LAW = mul(number(3.0), Variable("x"))


def draw(rows: int, *, relative: float = 0.0, equal: float = 0.0) -> LabelledRows:
    generator = np.random.default_rng(0)
    x = 10 ** generator.uniform(0, 3, rows)
    noise = relative * 3 * x * generator.normal(size=rows) + equal * generator.normal(size=rows)
    return LabelledRows.from_columns({"x": x}, 3 * x + noise)


@pytest.mark.parametrize("formulas", [[LAW], []])
def test_rows_count_by_the_inverse_square_of_the_target_where_errors_are_a_share_of_it(
    formulas: list[Expression],
) -> None:
    rows = draw(40, relative=0.1)
    weights = weigh_relative_errors(formulas, rows)
    assert weights is not None
    assert weights.mean() == pytest.approx(1)
    relation = np.log(weights) + 2 * np.log(rows.columns["x"])
    assert np.ptp(relation - relation.mean()) < 0.6


def test_rows_count_equally_where_errors_are_the_same_everywhere() -> None:
    assert weigh_relative_errors([LAW], draw(40, equal=1.0)) is None


def test_a_target_of_both_signs_needs_a_formula_to_tell_relative_errors() -> None:
    known, signs = draw(40, relative=0.1), np.where(np.arange(40) % 2, 1.0, -1.0)
    rows = LabelledRows.from_columns({"x": known.columns["x"] * signs}, known.y * signs)
    assert weigh_relative_errors([], rows) is None
    assert weigh_relative_errors([LAW], rows) is not None


def test_a_formula_that_is_zero_somewhere_says_nothing_of_relative_errors() -> None:
    known = draw(40, relative=0.1)
    columns = {"x": known.columns["x"] - known.columns["x"][0]}
    rows = LabelledRows.from_columns(columns, known.y - known.y[0])
    assert weigh_relative_errors([LAW], rows) is None
