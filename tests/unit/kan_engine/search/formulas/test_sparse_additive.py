"""Which formula comes first: what a search found, or the best sum of few terms."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import (
    KAN,
    Expression,
    Formula,
    FormulaConstraints,
    KANConfig,
    Standardizer,
    Variable,
    to_text,
)
from kan_engine.assessment.formula_evidence import FormulaEvidence
from kan_engine.expressions.evaluation import add, apply_function, mul
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.sparse_additive import add_additive_formulas, is_weak
from kan_engine.search.linear_model import make_linear_regression
from kan_engine.search.result import SearchResult
from kan_engine.search.thresholds import SearchThresholds
from tests.support.tables import request_for, table_of
from worker.data.preparation import prepare_data
from worker.pipelines.search_config import make_search_config

ROWS = 150
RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, ROWS))
NOISE = RNG.normal(0, 0.1, ROWS)
EVIDENCE = FormulaEvidence(
    noise=0.1, explained=0.9, rows=100, non_structural_constants=1, compared_with={}, beats_constant=True
)
PRODUCT = mul(2.0, Variable("a"), Variable("b"))


def run_of(
    y: Any, *, limits: FormulaConstraints | None = None, stopped: bool = False, **body: Any
) -> SearchContext:
    data = prepare_data(table_of(a=A, b=B, y=y), request_for(**body))
    config = replace(make_search_config(data.plan.request), constraints=limits or FormulaConstraints())
    return SearchContext.create(data, config, Callbacks(should_stop=lambda: stopped))


def found_in(run: SearchContext, *trees: Expression, **known: Any) -> SearchResult:
    network = KAN(KANConfig(width=(2, run.data.output_count)))
    found = SearchResult(network=network, judged=network, inputs=run.inputs, scaler=None, **known)
    return replace(found, formulas=[[Formula(tree, 0.1) for tree in trees]] if trees else [])


def texts(found: SearchResult) -> list[str]:
    return [to_text(formula.tree) for formula in found.formulas[0]]


@pytest.mark.parametrize("stopped", [False, True])
def test_without_a_law_the_sum_of_terms_is_the_formula(stopped: bool) -> None:
    run = run_of(3 * np.log(A) + B + NOISE, stopped=stopped)
    found = add_additive_formulas(found_in(run), run)
    assert "log(a)" in texts(found)[0]
    assert found.formulas[0][-1].complexity == 1
    assert found.formula_of == "law"


def test_a_law_that_predicts_as_well_stays_and_shorter_sums_follow() -> None:
    run = run_of(2 * A * B + NOISE)
    found = add_additive_formulas(found_in(run, PRODUCT, evidence=EVIDENCE), run)
    assert texts(found)[0] == to_text(PRODUCT)
    assert found.evidence is EVIDENCE
    assert found.formulas[0][-1].complexity == 1


def test_the_exponential_of_a_line_that_serves_stays_with_constants_of_its_own() -> None:
    run = run_of(np.exp(1.5 * A - 2 * B + 5 * NOISE))
    errors = run.cross_validation.measure_simple_models()["log_linear"]
    straight = replace(
        make_linear_regression(run, errors, "log_linear"), formula_errors=errors, evidence=EVIDENCE
    )
    found = add_additive_formulas(straight, run)
    assert texts(found)[0].startswith("exp(")
    assert found.evidence is EVIDENCE


def test_a_law_that_predicts_worse_comes_after_the_sums() -> None:
    run = run_of(3 * np.log(A) + B + NOISE)
    found = add_additive_formulas(found_in(run, PRODUCT), run)
    assert texts(found)[-1] == to_text(PRODUCT)
    assert "log(a)" in texts(found)[0]
    assert found.evidence is not None
    assert found.evidence.noise == pytest.approx(0.1, rel=0.3)


def test_a_long_law_gives_way_to_a_sum_that_predicts_alike() -> None:
    run = run_of(2 * A + 3 * B + NOISE)
    x, z = Variable("a"), Variable("b")
    ripple = mul(1e-3, apply_function("sin", mul(5.0, x)), apply_function("cos", mul(7.0, z)))
    law = add(mul(2.0, x), mul(3.0, z), ripple, mul(1e-4, apply_function("exp", x)))
    found = add_additive_formulas(found_in(run, law, evidence=EVIDENCE), run)
    assert texts(found)[-1] == to_text(law)
    assert "sin" not in texts(found)[0]
    assert found.evidence is not EVIDENCE


def test_beside_an_exact_law_there_is_nothing_else() -> None:
    run = run_of(2 * A * B)
    found = replace(found_in(run), formulas=[[Formula(PRODUCT, 1e-12)]])
    assert add_additive_formulas(found, run) is found


def test_sums_keep_to_what_a_formula_may_contain() -> None:
    run = run_of(
        3 * np.log(A) + B + NOISE, limits=FormulaConstraints(forbidden=frozenset({"log"}), max_complexity=9)
    )
    found = add_additive_formulas(found_in(run), run)
    assert all(run.config.constraints.allow(formula.tree) for formula in found.formulas[0])


def test_two_classes_have_the_log_odds_of_their_shares_at_least() -> None:
    y = np.where(np.quantile(A, 0.8) < A, "yes", "no")
    run = run_of(y.tolist())
    found = add_additive_formulas(found_in(run), run)  # the network gives 0 for all rows
    share = run.data.training.y.mean()
    assert float(texts(found)[-1]) == pytest.approx(np.log(share / (1 - share)), abs=0.01)


def test_three_classes_and_requests_without_formulas_are_left_alone() -> None:
    three = run_of(np.array(["x", "y", "z"])[np.digitize(A, [1, 2])].tolist())
    without = run_of(A + NOISE, symbolic=False)
    for run in (three, without):
        found = found_in(run)
        assert add_additive_formulas(found, run) is found


def test_a_formula_is_weak_where_a_constant_predicts_as_well() -> None:
    data = run_of(2 * A + NOISE).data
    assert not is_weak(mul(2.0, Variable("a")), data, 0)
    assert is_weak(mul(0.5, apply_function("sin", mul(9.0, Variable("b")))), data, 0)
    assert is_weak(mul(2.0, 1.0), data, 0)


def test_a_wide_run_reads_the_columns_that_matter_of_the_same_rows() -> None:
    run, few = run_of(B + NOISE), SearchThresholds(max_structure_inputs=1, max_selected_columns=1)
    run = replace(run, config=replace(run.config, thresholds=few))
    narrow, places = run.select_columns()
    assert (narrow.names, places) == (("b",), [1])
    np.testing.assert_array_equal(narrow.data.training.x, run.data.training.x[:, [1]])
    assert isinstance(narrow.inputs, Standardizer)
    np.testing.assert_array_equal(narrow.inputs.center, run.inputs.center[1:])
