"""The closed form of a target that is a function of one variable."""

from collections.abc import Iterator

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.nodes import Expression, Variable
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.strategies.exact import univariate_law
from kan_engine.formulas.strategies.exact.univariate_law import TRANSFORMS, find_univariate_law
from tests.support.engine.laws import Law

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]


@pytest.fixture(autouse=True, scope="module")
def _few_transforms() -> Iterator[None]:
    """Those that these laws need: every one takes as long as another."""
    few = {side: TRANSFORMS[side] for side in ("identity", "log", "reciprocal", "square")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(univariate_law, "TRANSFORMS", few)
        yield


def rows(law: Law, count: int, seed: int, low: float, high: float) -> LabelledRows:
    a = np.random.default_rng(seed).uniform(low, high, count)
    return LabelledRows.from_columns({"a": a}, np.asarray(law(a)))


def found(law: Law, low: float = 0.5, high: float = 3.0) -> Expression | None:
    fit, validation = rows(law, 300, 0, low, high), rows(law, 100, 1, low, high)
    return find_univariate_law(Variable("a"), fit, validation)


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda a: 1 / (np.exp(1 / (2 * a)) - 1), "1/(exp(1/(2*a)) - 1)"),
        (lambda a: np.sqrt(1 + a**4), "sqrt(a**4 + 1)"),
        (lambda a: 4 * a**-12 - 4 * a**-6, "4/a**12 - 4/a**6"),
        (lambda a: 1 / (1 + (2 / a) ** 2.8), None),
        (lambda a: 3 * a**0.16 - 2, "3*a**0.16 - 2"),
    ],
)
def test_a_law_is_found_over_the_variable_or_its_inverse_under_any_transform(
    law: Law, text: str | None
) -> None:
    tree = found(law)
    assert tree is not None
    if text is not None:
        assert to_text(tree) == text


def test_a_function_that_polynomials_imitate_is_found_all_the_same() -> None:
    tree = found(lambda a: np.exp(-a / 7), 0.0, 0.5)
    assert tree is not None
    assert to_text(tree) == "exp(-a/7)"


def test_a_polynomial_is_believed_where_there_is_nothing_else() -> None:
    tree = found(lambda a: a**5 - a**4 + 2 * a**2 - a + 1, -1.0, 1.0)
    assert tree is not None
    assert to_text(tree) == "a**5 - a**4 + 2*a**2 - a + 1"


def test_what_has_no_closed_form_is_no_law(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {side: TRANSFORMS[side] for side in ("identity", "square")}
    monkeypatch.setattr(univariate_law, "TRANSFORMS", few)
    assert found(lambda a: np.sin(a) ** 3 * np.log(1.3 + a) ** 1.7 / (a**0.3 + 2.1)) is None


def test_it_can_be_stopped() -> None:
    data = rows(np.sin, 50, 0, 0.0, 1.0)
    assert find_univariate_law(Variable("a"), data, data, should_stop=lambda: True) is None
