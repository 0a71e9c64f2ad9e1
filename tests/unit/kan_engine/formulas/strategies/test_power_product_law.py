"""A function of one product of powers, found by sorting."""

from collections.abc import Callable

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.strategies.exact import univariate_law
from kan_engine.formulas.strategies.exact.power_product_law import find_power_product_law

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]

Law = Callable[..., np.ndarray]


def rows(law: Law, inputs: str, count: int, seed: int, low: float = 1.0) -> LabelledRows:
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(low, low + 2, count) for name in inputs}
    return LabelledRows.from_columns(columns, law(*columns.values()))


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda a, b, c: np.sin(2 * np.pi * a * b / c) ** 2, "sin(2*pi*a*b/c)**2"),
        (lambda a, b, c: np.exp(-(a**2)) + 0 * b * c, "exp(-a**2)"),
        (lambda a, b, c: a * np.cos(3 * b * c) ** 2, "a*cos(3*b*c)**2"),
        (lambda a, b, c: np.sin(7 * a * b) / a + 0 * c, "sin(7*a*b)/a"),
    ],
)
def test_a_law_of_many_periods_is_found_where_several_inputs_share_an_index(
    law: Law, text: str | None
) -> None:
    tree = find_power_product_law(rows(law, "abc", 700, 0), rows(law, "abc", 200, 1))
    if text is None:
        assert tree is not None
        assert to_text(tree) == "exp(-a**2)"
    else:
        assert tree is not None
        assert to_text(tree) == text


def test_no_index_is_found_where_there_is_none() -> None:
    data = rows(lambda a, b: np.exp(a) + b**2, "ab", 300, 0)
    assert find_power_product_law(data, data) is None


def test_a_function_of_an_index_that_has_no_closed_form_is_no_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(univariate_law, "TRANSFORMS", {"identity": TRANSFORMS["identity"]})

    def law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        w = a * b
        return np.asarray(np.sin(w) ** 3 * np.log(1.3 + w) ** 1.7 / (w**0.3 + 2.1))

    assert find_power_product_law(rows(law, "ab", 300, 0), rows(law, "ab", 100, 1)) is None


@pytest.mark.parametrize(("inputs", "low"), [("a", 1.0), ("abcde", 1.0), ("ab", -1.0)])
def test_indices_are_of_two_to_four_positive_inputs(inputs: str, low: float) -> None:
    data = rows(lambda a, *_: np.asarray(a**2), inputs, 60, 0, low)
    assert find_power_product_law(data, data) is None


def test_once_it_is_to_stop_the_search_goes_no_further() -> None:
    data = rows(lambda a, b: np.sin(9 * a * b) + a * b, "ab", 200, 0)
    assert find_power_product_law(data, data, lambda: True) is None
