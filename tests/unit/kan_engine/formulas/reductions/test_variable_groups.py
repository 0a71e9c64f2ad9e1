"""Fewer variables for the same law."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Variable, call
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.chebyshev_surrogate import Surrogate
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.reductions.variable_groups import find_reduction
from tests.support.engine.laws import Law

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def rows(law: Law, names: str, count: int, seed: int, low: float = 1.0) -> LabelledRows:
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(low, low + 2, count) for name in names}
    return LabelledRows.from_columns(columns, np.asarray(law(*columns.values())))


def reduced(law: Law, names: str, low: float = 1.0) -> Reduction | None:
    return find_reduction(rows(law, names, 500, 0, low), rows(law, names, 200, 1, low))


def told(found: Reduction | None) -> tuple[str, list[str]]:
    assert found is not None
    return to_text(found.factor), [to_text(tree) for tree in found.groups.values()]


@pytest.mark.parametrize(
    ("law", "names", "factor", "groups"),
    [
        (lambda a, b, c: a * np.exp(-b / c), "abc", "a", ["c/b"]),
        (lambda a, b: np.sqrt(a**2 + b**2), "ab", "1", ["a**2 + b**2"]),
        (lambda a, b: np.sin(a**2 * b), "ab", "1", ["b*a**2"]),
        (lambda a, b, c: np.sin(a) / (1 + b * c), "abc", "1", ["a", "c*b"]),
        (lambda a, b: np.sqrt(a) * np.cos(b), "ab", "sqrt(a)", ["b"]),
        (lambda a, b: np.exp(-b) * np.sin(b) + 0 * a, "ab", "1", ["b"]),
    ],
)
def test_columns_that_act_as_one_are_joined_and_powers_leave(
    law: Law, names: str, factor: str, groups: list[str]
) -> None:
    assert told(reduced(law, names)) == (factor, groups)


@pytest.mark.parametrize(
    ("law", "group"),
    [
        (lambda a, b: np.exp(-((a - b) ** 2)), "a - b"),
        (lambda a, b: np.tanh(a + b), "a + b"),
        (lambda a, b: np.cos(a**2 - b**2), "a**2 - b**2"),
    ],
)
def test_sums_and_differences_are_found_of_columns_that_change_sign(law: Law, group: str) -> None:
    assert told(reduced(law, "ab", low=-1.0)) == ("1", [group])


def test_step_follows_step_until_one_variable_is_left() -> None:
    found = reduced(lambda d, a, r, s: d * (1 - np.exp(-a * (r - s) / 3)) ** 2, "dars")
    assert told(found) == ("d", ["(r - s)*a"])


@pytest.mark.parametrize(
    "law", [lambda a, b: np.sin(a) + np.exp(b / 2), lambda a, b: np.sin(a) * np.log(b + 1) + b**2]
)
def test_a_law_without_symmetries_keeps_its_variables(law: Law) -> None:
    assert reduced(law, "ab") is None


@pytest.mark.parametrize("names", ["a", "abcdefghi"])
def test_one_variable_is_none_to_reduce_and_of_many_there_are_too_few_rows(names: str) -> None:
    assert reduced(lambda *columns: np.asarray(columns[0] ** 2), names) is None


def test_a_law_in_groups_is_one_in_the_columns() -> None:
    fit, validation = (rows(lambda a, b, c: a * np.sin(b / c), "abc", n, n) for n in (400, 200))
    found = find_reduction(fit, validation)
    assert found is not None
    (name,) = found.groups
    inner = found.reduce_data(validation)
    whole = found.expand_law(call("sin", 1 / Variable(name)), validation.columns)
    assert to_text(whole) == "a*sin(b/c)"
    np.testing.assert_allclose(np.sin(1 / inner.columns[name]), inner.y)
    np.testing.assert_allclose(evaluate(whole, validation.columns), validation.y)


def test_it_can_be_stopped() -> None:
    data = rows(lambda a, b: a * b, "ab", 300, 0)
    assert find_reduction(data, data, should_stop=lambda: True) is None


def test_noise_does_not_invent_groups_that_fit_worse() -> None:
    generator = np.random.default_rng(0)
    fit, validation = (rows(lambda a, b: np.sin(3 * a) + b**2, "ab", n, n) for n in (400, 200))
    fit, validation = (
        part.with_target(part.y + generator.normal(0, 0.02, len(part))) for part in (fit, validation)
    )
    assert find_reduction(fit, validation) is None


def test_rows_where_the_target_is_zero_do_no_harm() -> None:
    data = [rows(lambda a, b: a * np.sin(b), "ab", count, count) for count in (300, 150)]
    for part in data:
        part.x[:3, 1] = part.y[:3] = 0.0
    assert told(find_reduction(data[0], data[1])) == ("a", ["b"])


def test_rows_where_the_factor_is_zero_tell_nothing_of_the_rest() -> None:
    data = rows(lambda a, b: a * np.sin(b), "ab", 50, 0)
    data.x[:10, 0] = data.y[:10] = 0.0
    found = Reduction(groups={"b": Variable("b")}, factor=Variable("a"))
    rest = found.reduce_data(data)
    assert len(rest) == 40
    np.testing.assert_allclose(rest.y, np.sin(rest.columns["b"]))
    np.testing.assert_array_equal(found.select_factors(data), data.x[10:, 0])


def test_errors_of_the_rest_count_and_are_known_as_those_of_the_target() -> None:
    data = replace(
        rows(lambda a, b: a * np.sin(b), "ab", 50, 0), weights=np.linspace(1, 2, 50), unit_error=0.1
    )
    rest = Reduction(groups={"b": Variable("b")}, factor=Variable("a")).reduce_data(data)
    assert rest.weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(rest.sigma, data.sigma / data.columns["a"])


def test_a_factor_that_is_zero_where_the_target_is_not_is_none() -> None:
    fit, validation = (rows(lambda a, b: (1 + a) * np.sin(b), "ab", count, count) for count in (300, 150))
    for part in (fit, validation):
        part.x[::2, 0] = 0.0
    found = Reduction(groups={"b": Variable("b")}, factor=Variable("a"))
    assert np.isinf(found.reduce_data(fit).y).any()
    assert Surrogate.fit(found.reduce_data(fit), found.reduce_data(validation)) is None


def test_a_table_of_indicators_has_no_factor_that_only_a_few_rows_obey() -> None:
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 3, 240)
    size = generator.uniform(1, 3, 240)
    columns = {"oak": (kinds == 0) * 1.0, "ash": (kinds == 1) * 1.0, "size": size}
    target = size**2 * (1 + 0.1 * columns["oak"])
    data = LabelledRows.from_columns(columns, target)
    find_reduction(data[:160], data[160:])  # whatever it is, the search goes on


def test_the_weights_of_an_enormous_factor_are_finite() -> None:
    a = np.array([1e200, 2e200])
    data = LabelledRows.from_columns({"a": a, "b": np.ones(2)}, a)
    rest = Reduction(groups={"b": Variable("b")}, factor=Variable("a")).reduce_data(data)
    assert rest.relative_weights.tolist() == pytest.approx([0.4, 1.6])
