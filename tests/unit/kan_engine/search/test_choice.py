"""What a search returns: its network, and the formulas in the order of the judge."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import KAN, Formula, FormulaConstraints, KANConfig, SearchResult
from kan_engine.assessment.evidence.formula_evidence import NETWORK, FormulaEvidence
from kan_engine.expressions.evaluation import (
    Expression,
    Number,
    Variable,
    add,
    apply_function,
    call,
    evaluate,
    mul,
)
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.search import Step, search
from kan_engine.search.choice import (
    NO_ALLOWED_FORMULA_WARNING,
    choose_result,
)
from kan_engine.search.context import SearchContext, make_problem
from kan_engine.search.formulas.log_odds import make_log_odds_problem
from kan_engine.search.members import LAWS, Members
from kan_engine.search.result import SmallLaw
from kan_engine.search.strategies import Growth, Lines
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.networks import random_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS = 150
RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, ROWS))
NOISE = RNG.normal(0, 0.3, ROWS)
X, Z = Variable("a"), Variable("b")
PRODUCT, LINE = mul(2.0, X, Z), add(mul(3.3, X), mul(3.4, Z), -5.7)
LIMITS = SearchThresholds()
FEW = replace(LIMITS, front=replace(LIMITS.front, max_work=5e5, max_rows=40))
OBSERVED = FormulaEvidence(
    noise=1.0,
    explained=0.5,
    rows=120,
    non_structural_constants=3,
    compared_with={},
    beats_constant=True,
    p_value=0.5,
    power=0.99,
    stability=1.0,
)


def run_of(
    y: Any, *, limits: FormulaConstraints | None = None, thresholds: SearchThresholds = LIMITS, **body: Any
) -> SearchContext:
    request = request_for(**{"seed": 0, **body})
    data = prepare_data(table_of(a=A, b=B, y=y), request)
    config = make_search_config(request)
    config = replace(config, constraints=limits or FormulaConstraints(), thresholds=thresholds)
    return SearchContext.create(data, config, Callbacks())


def network_of(run: SearchContext, **fields: Any) -> SearchResult:
    network = random_network((2, 1)) if run.data.classes else KAN(KANConfig(width=(2, 1)))
    return SearchResult(network=network, judged=network, inputs=run.inputs, scaler=None, **fields)


def pool_of(run: SearchContext, trees: Sequence[Expression], strategy: str = Growth.name) -> Pool:
    pool = Pool(make_problem(run))
    for tree in trees:
        pool.add(pool.problem.measure(tree, strategy=strategy))
    return pool


def choose(
    run: SearchContext,
    *trees: Expression,
    strategy: str = Growth.name,
    law: SmallLaw | None = None,
    **fields: Any,
) -> SearchResult:
    """The choice among a network and these formulas."""
    members = Members(accurate=network_of(run, **fields))
    members.add_law(law)
    return choose_result(run, members, pool_of(run, trees, strategy), Judge())


def law_of(run: SearchContext, tree: Expression) -> SmallLaw:
    """A law that stands against everything that was measured."""
    errors = np.full(len(run.data.training), 0.3)
    found = network_of(run, formulas=[[Formula(tree, 0.1)]], evidence=OBSERVED, formula_errors=errors)
    return SmallLaw(found=found, is_clear=True)


def test_the_formulas_have_the_order_of_the_judge_and_the_first_one_its_evidence() -> None:
    run = run_of(2 * A * B + NOISE)
    found = choose(run, LINE, PRODUCT, Number(6.0))
    assert [formula.tree for formula in found.formulas[0]] == [PRODUCT, Number(6.0)]
    assert found.formula_of == "law"
    assert found.evidence is not None
    assert found.evidence.noise == pytest.approx(0.3, rel=0.3)
    assert len(found.formula_errors) == len(run.data.training)


def test_the_evidence_compares_the_formula_with_the_network() -> None:
    run = run_of(2 * A * B + NOISE)
    errors = np.full(len(run.data.training), 1e-3)
    evidence = choose(run, PRODUCT, errors=errors).evidence
    assert evidence is not None
    assert evidence.compared_with[NETWORK].is_better


def test_a_law_that_is_exact_needs_no_evidence() -> None:
    found = choose(run_of(2 * A * B), PRODUCT)
    assert found.formulas[0][0].error < MAX_EXACT_ERROR
    assert found.evidence is None


def test_a_step_needs_evidence_even_if_no_row_contradicts_it() -> None:
    place = float(np.sort(A)[70:72].mean())
    found = choose(run_of(np.sign(A - place) + B), call("tanh", 1e6 * X - 1e6 * place) + Z)
    assert found.formulas[0][0].error < MAX_EXACT_ERROR
    assert found.evidence is not None


def test_without_formulas_the_network_stays_as_it_is() -> None:
    found = choose(run_of(A + NOISE, symbolic=False), warnings=("a warning",))
    assert (found.formulas, found.evidence, found.warnings) == ([], None, ("a warning",))


def test_the_first_formula_of_two_classes_has_no_evidence() -> None:
    run = run_of(np.where(A + NOISE > 1.5, "yes", "no"))
    members = Members(accurate=network_of(run))
    pool = Pool(make_log_odds_problem(members.accurate.network, run.inputs, run))
    pool.add(pool.problem.measure(LINE, strategy=Growth.name))
    found = choose_result(run, members, pool, Judge())
    assert found.formulas[0]
    assert found.evidence is None
    assert len(found.formula_errors) == 0


def test_a_law_that_stays_first_keeps_its_evidence() -> None:
    run = run_of(2 * A * B + NOISE)
    found = choose(run, PRODUCT, strategy=LAWS, law=law_of(run, PRODUCT))
    assert found.evidence is not None
    assert replace(found.evidence, probability=None, none_of_these=None) == OBSERVED


def test_a_shorter_formula_of_the_same_law_shares_how_often_other_rows_lead_to_it() -> None:
    run = run_of(2 * A * B + NOISE)
    slope = add(mul(2.0, X), 0.05)
    found = choose(run, PRODUCT, law=law_of(run, add(mul(slope, Z), 0.05)))
    assert found.formulas[0][0].tree == PRODUCT
    assert found.evidence is not None
    assert found.evidence.stability == OBSERVED.stability
    assert found.evidence.noise != OBSERVED.noise


def test_another_formula_than_the_law_has_evidence_of_its_own() -> None:
    run = run_of(2 * A * B + NOISE)
    found = choose(run, PRODUCT, law=law_of(run, LINE))
    assert found.evidence is not None
    assert found.evidence.stability is None


def test_other_rows_lead_to_a_line_too() -> None:
    run = run_of(2 * A + 3 * B + NOISE)
    members, pool = Members(accurate=network_of(run)), Pool(make_problem(run))
    search(pool, [Step(Lines(run, members))], Judge())
    evidence = choose_result(run, members, pool, Judge()).evidence
    assert evidence is not None
    assert evidence.verdict == "consistent"


def test_an_exponential_of_a_line_stays_first_with_constants_of_its_own() -> None:
    run = run_of(np.exp(1.5 * A - 2 * B + 1.7 * NOISE))
    members, pool = Members(accurate=network_of(run, is_straight=True)), Pool(make_problem(run))
    search(pool, [Step(Lines(run, members))], Judge())
    found = choose_result(run, members, pool, Judge())
    assert to_text(found.formulas[0][0].tree).startswith("exp(")
    assert found.formula_of == "network"


@pytest.mark.parametrize("allowed", [[Number(1.4)], []], ids=["one", "none"])
def test_formulas_that_the_wishes_do_not_allow_are_left_out(allowed: list[Expression]) -> None:
    run = run_of(3 * np.log(A) + NOISE, limits=FormulaConstraints(frozenset({"log"})))
    pool = pool_of(run_of(3 * np.log(A) + NOISE), [mul(3.0, apply_function("log", X)), *allowed])
    found = choose_result(run, Members(accurate=network_of(run)), pool, Judge())
    assert [formula.tree for part in found.formulas for formula in part] == allowed
    assert (found.evidence is not None) == bool(allowed)
    assert (NO_ALLOWED_FORMULA_WARNING in found.warnings) == (not allowed)


def test_many_rows_refine_the_constants_of_few() -> None:
    run = run_of(2 * A * B + NOISE, thresholds=FEW)
    tree = choose(run, mul(1.9, X, Z)).formulas[0][0].tree
    assert np.polyfit(A * B, evaluate(tree, {"a": A, "b": B}), 1)[0] == pytest.approx(2, abs=0.05)


def test_weights_hold_for_the_constants_that_many_rows_refine() -> None:
    is_heavy = np.median(B) < B
    run = run_of(np.where(is_heavy, 2 * A, 5 - A) + NOISE / 10, thresholds=FEW, features=["a"])
    heavy = np.isin(run.data.rows.x[:, 0], A[is_heavy])
    rows = replace(run.data.rows, weights=np.where(heavy, 1.0, 1e-6))
    run = replace(run, data=replace(run.data, rows=rows))
    members, pool = Members(accurate=network_of(run)), Pool(make_problem(run))
    search(pool, [Step(Growth(run, members))], Judge())
    tree = choose_result(run, members, pool, Judge()).formulas[0][0].tree
    assert np.polyfit(A, evaluate(tree, {"a": A}), 1)[0] == pytest.approx(2, abs=0.1)
