"""One form with constants that groups share, and constants of their own."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import Expression, Variable, evaluate
from kan_engine.formulas.forms.fitted_form import FittedForm
from kan_engine.formulas.forms.groups import fit_groups
from kan_engine.formulas.forms.new_group import add_group
from kan_engine.formulas.forms.template import parse_form

GROUP = np.repeat([0, 1, 2], 20)
T = np.tile(np.linspace(0, 4, 20), 3)
MARKS = {f"is {name}": (place == GROUP).astype(float) for place, name in enumerate("ABC")}
INDICATORS: dict[str, Expression] = {name: Variable(f"is {name}") for name in "ABC"}
TARGET = np.array([1.0, 2.0, 4.0])[GROUP] * np.exp(-0.8 * T) + 0.5
ROWS = LabelledRows.from_columns({"t": T} | MARKS, TARGET + np.random.default_rng(0).normal(0, 0.02, 60))
FORM = parse_form("a*exp(-b*t) + c", ["t"])


def fit(own: tuple[str, ...] | None = None) -> FittedForm:
    return fit_groups(FORM, "patient", INDICATORS, ROWS, own=own, seed=0)


def test_the_rows_choose_which_constants_are_own() -> None:
    fitted = fit()
    assert fitted.groups is not None
    assert fitted.groups.own == ("a",)
    assert fitted.groups.shared == ("b", "c")
    found = {each.name: each.value for each in fitted.constants}
    assert list(found) == ["a[A]", "a[B]", "a[C]", "b", "c"]
    np.testing.assert_allclose([*found.values()], [1, 2, 4, 0.8, 0.5], rtol=0.05)


def test_an_unknown_group_has_the_mean_of_the_own_constants() -> None:
    fitted = fit(("a",))
    assert fitted.groups is not None
    stranger = {"t": np.zeros(1)} | {name: np.zeros(1) for name in MARKS}
    known = {each.name: each.value for each in fitted.constants}
    mean = np.mean([known[f"a[{name}]"] for name in "ABC"])
    assert evaluate(fitted.groups.formula, stranger)[0] == pytest.approx(mean + known["c"])


def test_named_constants_are_own_whatever_the_rows_say() -> None:
    fitted = fit(("c",))
    assert fitted.groups is not None
    assert fitted.groups.own == ("c",)


def test_a_constant_that_the_form_lacks_cannot_be_own() -> None:
    with pytest.raises(InvalidData, match="no constant 'q'"):
        fit(("q",))


def test_groups_survive_json() -> None:
    fitted = fit(("a",))
    assert FittedForm.from_dict(fitted.to_dict()) == fitted


def test_a_new_group_is_fitted_with_the_shared_constants_held() -> None:
    few = np.array([0.0, 0.5, 1.0, 2.0])
    rows = LabelledRows.from_columns({"t": few}, 3 * np.exp(-0.8 * few) + 0.5)
    before = fit(("a",))
    after = add_group(before, "D", rows, INDICATORS)
    found = {each.name: each.value for each in after.constants}
    assert found["a[D]"] == pytest.approx(3, rel=0.05)
    assert {name: found[name] for name in ("a[A]", "b", "c")} == {
        each.name: each.value for each in before.constants if each.name in ("a[A]", "b", "c")
    }
    assert after.groups is not None
    stranger = {"t": np.zeros(1)} | {name: np.zeros(1) for name in MARKS}
    assert evaluate(after.groups.formula, stranger)[0] == pytest.approx(3.5, rel=0.05)
    np.testing.assert_allclose(evaluate(after.groups.formula, ROWS.columns), TARGET, atol=0.05)


def test_a_second_new_group_cannot_be_told_from_the_first() -> None:
    rows = LabelledRows.from_columns({"t": np.zeros(2)}, np.full(2, 3.5))
    after = add_group(fit(("a",)), "D", rows, INDICATORS)
    with pytest.raises(InvalidData, match="'D' was added without training"):
        add_group(after, "E", rows, INDICATORS)


def test_a_known_group_cannot_be_added() -> None:
    with pytest.raises(InvalidData, match="known already"):
        add_group(fit(("a",)), "A", ROWS, INDICATORS)
