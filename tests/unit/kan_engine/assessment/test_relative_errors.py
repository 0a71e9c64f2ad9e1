"""Whether errors are a share of the target or the same everywhere, by description length."""

import numpy as np
import pytest

from kan_engine.assessment.relative_errors import weigh_relative_errors
from kan_engine.expressions.nodes import Expression, Variable, mul, number

LAW = mul(number(3.0), Variable("x"))


def draw(rows: int, *, relative: float = 0.0, equal: float = 0.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    generator = np.random.default_rng(0)
    x = 10 ** generator.uniform(0, 3, rows)
    noise = relative * 3 * x * generator.normal(size=rows) + equal * generator.normal(size=rows)
    return {"x": x}, 3 * x + noise


@pytest.mark.parametrize("formulas", [[LAW], []])
def test_rows_count_by_the_inverse_square_of_the_target_where_errors_are_a_share_of_it(
    formulas: list[Expression],
) -> None:
    columns, target = draw(40, relative=0.1)
    weights = weigh_relative_errors(formulas, (columns, target))
    assert weights is not None
    assert weights.mean() == pytest.approx(1)
    relation = np.log(weights) + 2 * np.log(columns["x"])
    assert np.ptp(relation - relation.mean()) < 0.6


def test_rows_count_equally_where_errors_are_the_same_everywhere() -> None:
    assert weigh_relative_errors([LAW], draw(40, equal=1.0)) is None


def test_a_target_of_both_signs_needs_a_formula_to_tell_relative_errors() -> None:
    columns, target = draw(40, relative=0.1)
    signs = np.where(np.arange(40) % 2, 1.0, -1.0)
    rows = {"x": columns["x"] * signs}, target * signs
    assert weigh_relative_errors([], rows) is None
    assert weigh_relative_errors([LAW], rows) is not None


def test_a_formula_that_is_zero_somewhere_says_nothing_of_relative_errors() -> None:
    columns, target = draw(40, relative=0.1)
    rows = {"x": columns["x"] - columns["x"][0]}, target - target[0]
    assert weigh_relative_errors([LAW], rows) is None
