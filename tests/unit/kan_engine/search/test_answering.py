"""Which member of a model answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import SearchResult
from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, add, mul
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.forms.fitted_form import fit_form
from kan_engine.formulas.forms.template import parse_form
from kan_engine.inference.linear_network import classify_linear_network
from kan_engine.search import answering
from kan_engine.search.answering import choose_member, is_formula_better
from kan_engine.search.assembly import assemble_model, assemble_predictor
from kan_engine.search.context import SearchContext
from kan_engine.search.result import FormResult
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from tests.support.engine.networks import random_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from tests.unit.kan_engine.search.test_choice import NOISE, OBSERVED, A, B, network_of, run_of
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

X, Z = Variable("a"), Variable("b")
PRODUCT = mul(2.0, X, Z)
CURVED = 2 * A * B + NOISE
GIVEN = fit_form(parse_form("k*a", ("a",)), LabelledRows.from_columns({"a": A}, 2 * A), seed=0)
WORSE = np.random.default_rng(3).uniform(0.9, 1.1, 120)


def chosen(run: SearchContext, tree: Expression = PRODUCT, **errors: np.ndarray | None) -> SearchResult:
    """The choice among members with these out-of-sample errors, and a line, which has its own."""
    found = network_of(run, errors=errors["accurate"])
    if errors.get("formula") is not None:
        fields: dict[str, Any] = {"evidence": OBSERVED, "formula_errors": errors["formula"]}
        found = replace(found, formulas=[[Formula(tree, 0.1)]], **fields)
    return choose_member(found, run)


def noise_of(run: SearchContext, size: float, seed: int = 0) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(0, size, len(run.data.training)))


@pytest.mark.parametrize(
    ("y", "formula", "accurate", "answers"),
    [
        (2 * A + B + NOISE, None, 0.3, "linear"),  # a line is as good
        (CURVED, 0.3, 0.3, "formula"),  # it has fewer fitted numbers than a network
        (CURVED, 0.9, 0.3, "accurate"),
        (CURVED, 0.3, 0.9, "formula"),
    ],
)
def test_the_best_member_answers_and_of_equals_the_simplest(
    y: np.ndarray, formula: float | None, accurate: float, answers: str
) -> None:
    run = run_of(y)
    errors = None if formula is None else noise_of(run, formula, 1)
    assert chosen(run, formula=errors, accurate=noise_of(run, accurate, 2)).answers == answers


def test_a_formula_of_fewer_numbers_answers_before_a_line_and_one_of_more_after_it() -> None:
    run = run_of(2 * A + NOISE)
    errors = {"accurate": noise_of(run, 0.3, 2), "formula": run.cross_validation.measure_formula(mul(2.0, X))}
    assert chosen(run, mul(2.0, X), **errors).answers == "formula"
    assert chosen(run, add(mul(2.01, X), mul(0.02, Z), 0.03), **errors).answers == "linear"


def test_a_few_wild_rows_do_not_choose_the_member() -> None:
    run = run_of(CURVED)
    wild = noise_of(run, 0.3, 1)
    wild[5] = 1e6
    assert chosen(run, formula=wild, accurate=noise_of(run, 0.9, 2)).answers == "formula"


def test_an_unsound_formula_does_not_answer() -> None:
    run = run_of(CURVED)
    found = network_of(
        run,
        errors=noise_of(run, 0.5),
        formulas=[[Formula(mul(2.0, X, Z), 0.1)]],
        evidence=replace(OBSERVED, soundness="violated"),
        formula_errors=noise_of(run, 0.3),
    )
    assert choose_member(found, run).answers == "accurate"


def test_a_compact_network_answers_where_it_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(CURVED)
    entry = CompactNetwork(network=random_network((2, 1)), curve_count=2, loss=0.1)
    path = CompactPath(networks=(entry,), inputs=run.inputs, scaler=None)
    for size, answers in ((0.3, "compact"), (0.51, "compact"), (3.0, "accurate")):
        monkeypatch.setattr(answering, "measure_compact_errors", lambda *_, size=size: noise_of(run, size, 5))
        found = replace(network_of(run, errors=noise_of(run, 0.5, 2)), compact=path)
        assert choose_member(found, run).answers == answers


@pytest.mark.parametrize("serve", ["accurate", "compact", "formula", "linear"])
def test_who_asks_for_a_member_gets_it(serve: str) -> None:
    run = run_of(2 * A + B + NOISE, serve=serve)
    assert chosen(run, accurate=noise_of(run, 3.0)).answers == serve


def test_a_network_that_was_asked_for_answers_and_the_formula_is_told() -> None:
    run = run_of(CURVED, network={"hidden": [3]})
    found = chosen(run, formula=noise_of(run, 0.3), accurate=noise_of(run, 3.0))
    assert found.answers == "accurate"
    assert found.warnings[-1].endswith("predict by the formula")


def test_a_line_that_is_enough_is_told_and_predicts_with_intervals() -> None:
    run = run_of(2 * A + B + NOISE)
    found = chosen(run, accurate=noise_of(run, 3.0))
    assert "a straight line is enough" in " ".join(found.warnings)
    found = replace(found, scaler=run.inputs and found.linear.path.scaler)  # type: ignore[union-attr]
    predictor, decision = assemble_predictor(found, run.data)
    model = assemble_model(found, predictor, decision, run.data, seed=0, thresholds=DEFAULT_THRESHOLDS)
    line = model.answering
    assert line is model.linear
    assert classify_linear_network(line.network, line.outputs) == "linear"
    slopes = np.polyfit(A, line.predict({"a": A, "b": 0 * B}).astype(float), 1)
    assert slopes[0] == pytest.approx(2, abs=0.2)
    assert 0.3 < line.margin(0.9) < 0.8


def test_where_no_column_helps_a_constant_is_the_line() -> None:
    run = run_of(NOISE)
    found = chosen(run, accurate=noise_of(run, 0.3))
    assert found.answers == "linear"
    assert found.linear is not None
    assert classify_linear_network(found.linear.network.network, found.linear.path.scaler) == "constant"
    assert "a constant is enough" in " ".join(found.warnings)


def test_classes_have_logistic_regression_as_their_line() -> None:
    labels = np.where(A - B + NOISE > 0, "up", "down")
    run = run_of(labels.tolist())
    found = chosen(run, accurate=np.full(len(run.data.training), 5.0))
    assert found.answers == "linear"
    assert "logistic regression is enough" in " ".join(found.warnings)
    predictor = assemble_predictor(found, run.data)[0].answering_network
    assert np.mean(predictor.predict({"a": A, "b": B}) == labels) > 0.85


def test_few_rows_are_said_to_be_few_and_a_clear_line_answers() -> None:
    columns = {"a": A[:9], "b": B[:9]}
    request = request_for()
    data = prepare_data(table_of(**columns, y=2 * A[:9] + 0.01 * NOISE[:9]), request)
    run = SearchContext.create(data, make_search_config(request))
    found = chosen(run, accurate=noise_of(run, 0.5))
    assert found.answers == "linear"
    assert f"{len(data.training)} rows are too few to check a model" in found.warnings
    assert "a straight line is enough" in " ".join(found.warnings)


def is_better(evidence: FormulaEvidence, factor: float, *, is_given: bool = False) -> bool:
    """Whether a formula is better whose errors are so much of the network's; the client may have given it."""
    run = run_of(2 * A * B + NOISE)
    form = FormResult(GIVEN, rmse=None) if is_given else None
    found = network_of(run, errors=WORSE, evidence=evidence, formula_errors=factor * WORSE, form=form)
    return is_formula_better(found, run)


@pytest.mark.parametrize(
    ("factor", "verdict", "is_given", "expected"),
    [
        (0.95, "consistent", False, True),
        (0.95, "approximation", True, True),
        (0.95, "approximation", False, False),  # rows taken anew lead elsewhere
        (0.5, "approximation", False, True),
        (1.0, "consistent", False, False),
    ],
)
def test_a_formula_is_better_than_a_network_by_errors_on_rows_not_seen(
    factor: float, verdict: str, is_given: bool, expected: bool
) -> None:
    evidence = replace(OBSERVED, stability=1.0 if verdict == "consistent" else 0.0)
    assert evidence.verdict == verdict
    assert is_better(evidence, factor, is_given=is_given) is expected


@pytest.mark.parametrize(("factor", "expected"), [(0.5, False), (0.05, True)])
def test_of_few_rows_a_formula_is_better_where_no_choice_among_forms_makes_it_so_much_better(
    factor: float, expected: bool
) -> None:
    evidence = replace(
        OBSERVED, rows=10, non_structural_constants=2, p_value=None, power=None, stability=None
    )
    assert "too_many_constants" in evidence.objections
    assert is_better(evidence, factor) is expected
