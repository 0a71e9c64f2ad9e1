"""The form of a client in a search: the first formula, compared with the free search."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.estimators.tables import make_training_data
from kan_engine.expressions.nodes import Expression, Variable, apply_function
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.forms.template import ConstantLimits, parse_form
from kan_engine.search.assembly import Model, assemble_model, assemble_predictor
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.form import FREE_FORMULA, JudgedForm, compare_form, judge_form
from kan_engine.search.model_search import find_model
from kan_engine.search.result import SearchResult
from kan_engine.search.serialization import collect_errors, restore_result, to_metadata
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS


def make_context(text: str, error: float | None = None) -> SearchContext:
    """A search with a form on rows of a decay, with a known error or none, without other formulas."""
    generator = np.random.default_rng(0)
    t, z = generator.uniform(0, 5, 80), generator.uniform(0, 1, 80)
    y = 3 * np.exp(-0.7 * t) + 0.5 + generator.normal(0, 0.02, 80)
    form = parse_form(text, ["t", "z", "q"], {"b": ConstantLimits(min=0)})
    config = SearchConfig(form=form, hidden=(), grid=3, steps=2, symbolic=False)
    columns, types = {"t": t, "z": z}, {"t": "number", "z": "number"}
    data = make_training_data(columns, types, y, np.ones(80), config, "y", None, None, {})
    data = replace(data, rows=replace(data.rows, unit_error=error))
    return SearchContext.create(data, config, Callbacks())


@cache
def search(text: str, error: float | None = None) -> tuple[SearchResult, Model]:
    context = make_context(text, error)
    data, config = context.data, context.config
    found = find_model(data, config)
    return found, assemble_model(
        found, *assemble_predictor(found, data), data, seed=0, thresholds=DEFAULT_THRESHOLDS
    )


def test_the_form_is_the_first_formula_with_named_constants() -> None:
    found, model = search("a*exp(-b*t) + c")
    assert found.formula_of == "form"
    assert model.report is not None
    assert model.report.verdict == "consistent"
    assert model.report.form is not None
    constants = {each.name: each for each in model.report.form.fitted.constants}
    for name, true in {"a": 3, "b": 0.7, "c": 0.5}.items():
        assert constants[name].value == pytest.approx(true, rel=0.05)
        assert constants[name].low < true < constants[name].high  # type: ignore[operator]
    assert to_text(model.report.trees[0]).count("exp") == 1


def test_a_known_error_is_that_of_the_constants_and_of_chi_squared() -> None:
    _, model = search("a*exp(-b*t) + c", 0.02)
    judged = judge_form(make_context("a*exp(-b*t) + c", 0.04))
    assert isinstance(judged, JudgedForm)
    assert model.report is not None
    assert model.report.form is not None
    errors, twice = (
        [each.standard_error for each in form.constants] for form in (model.report.form.fitted, judged.fitted)
    )
    np.testing.assert_allclose(np.divide(twice, errors), 2, rtol=1e-3)
    told = [each.standard_error for each in model.report.outputs[0].constants or ()]
    np.testing.assert_allclose(sorted(told), sorted(errors), rtol=1e-6)
    assert model.report.evidence is not None
    assert model.report.evidence.non_structural_constants == 3
    assert model.report.form.rmse == pytest.approx(0.02, rel=0.3)
    assert model.report.form.rmse != model.report.evidence.noise
    assert model.report.evidence.chi_square_per_dof == pytest.approx(1, abs=0.4)


T = Variable("t")


@pytest.mark.parametrize(
    ("free", "share", "verdict"),
    [
        (3 * apply_function("exp", -0.7 * T) + 0.5 + 0.01 * T, 0.5, "approximation"),
        (3 * apply_function("exp", -0.7 * T) + 0.5 + 0.01 * T, 1.0, "consistent"),
        (3 * apply_function("exp", -0.7 * T) + 0.5, 0.5, "consistent"),  # the form with rounded constants
    ],
)
def test_a_form_is_consistent_only_if_no_other_formula_is_significantly_better(
    free: Expression, share: float, verdict: str
) -> None:
    context = make_context("a*exp(-b*t) + c")
    form = judge_form(context)
    assert isinstance(form, JudgedForm)
    assert form.evidence.verdict == "consistent"
    _, evidence = compare_form(form, [Formula(free, 0.1)], share * form.errors, np.zeros(0), context)
    assert evidence.verdict == verdict
    assert evidence.compared_with[FREE_FORMULA].is_better == (verdict == "approximation")


def test_a_form_whose_column_is_missing_leaves_a_warning() -> None:
    found, model = search("a*exp(-b*q)")
    assert found.form is None
    assert "the form could not be fitted" in found.warnings[-1]
    assert model.report is None or model.report.form is None


def test_a_search_that_is_stopped_at_once_has_the_form() -> None:
    context = make_context("a*exp(-b*t) + c")
    found = find_model(context.data, context.config, Callbacks(should_stop=lambda: True))
    assert found.formula_of == "form"
    assert found.form is not None


def test_a_form_and_its_comparison_survive_a_checkpoint() -> None:
    found, model = search("a*exp(-b*t) + c")
    again = restore_result(
        to_metadata(found), model.predictor, collect_errors(found), thresholds=DEFAULT_ASSESSMENT
    )
    assert again.form == found.form
    assert model.report is not None
    names = {"t": "t", "z": "z"}
    assert FormulaReport.from_dict(model.report.to_dict(names), names).form == model.report.form


def test_an_unknown_function_is_read_as_a_formula() -> None:
    generator = np.random.default_rng(0)
    t, x = generator.uniform(0, 3, (2, 80))
    y = np.exp(-0.7 * t) * (1 + x**2) + generator.normal(0, 0.01, 80)
    form = parse_form("exp(-b*t)*f(x)", ["t", "x"])
    config = SearchConfig(form=form)
    columns, types = {"t": t, "x": x}, {"t": "number", "x": "number"}
    data = make_training_data(columns, types, y, np.ones(80), config, "y", None, None, {})
    stopped = Callbacks(should_stop=lambda: True)  # leaves no time for the law search: f is a polynomial
    judged = judge_form(SearchContext.create(data, config, stopped))
    assert isinstance(judged, JudgedForm)
    values = {each.name: each.value for each in judged.fitted.constants}
    assert values["b"] == pytest.approx(0.7, rel=0.02)
    assert values["f[1]"] == pytest.approx(1, abs=0.1)
    assert values["f[3]"] == pytest.approx(1, abs=0.2)
    assert [each.name for each in judged.fitted.functions] == ["f"]
