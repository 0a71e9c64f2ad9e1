"""Verdicts rest on evidence: what speaks against a formula keeps it from being called consistent."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from kan_engine import Formula
from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.assessment.evidence.assess_formula import add_comparisons, assess_formula
from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.assessment.evidence.stability import measure_stability
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, add, call, mul, number
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of

ROWS = 400
RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, (ROWS, 2))
NOISE = RNG.normal(0, 0.3, ROWS)
A, B = Variable("a"), Variable("b")
LAW = add(mul(number(2.0), call("sin", mul(number(1.5), A))), mul(number(0.5), B))


def law(x: np.ndarray) -> np.ndarray:
    return np.asarray(2 * np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1])


def run_of(y: np.ndarray, rows: int = ROWS) -> CrossValidation:
    data = prepare_data(table_of(a=X[:rows, 0], b=X[:rows, 1], y=y[:rows]), request_for())
    return CrossValidation(data=data, seed=0)


# Of many tests: the models that formulas are compared with are fitted once
NOISY_LAW = run_of(law(X) + NOISE)


def judge(
    tree: Expression,
    run: CrossValidation = NOISY_LAW,
    stability: Callable[[], float | None] | None = lambda: 1.0,
) -> FormulaEvidence:
    return assess_formula(
        Formula(tree, 0.0), run.measure_formula(tree), run.measure_simple_models(), run, stability=stability
    )


def codes(evidence: FormulaEvidence) -> set[str]:
    return {reason["code"] for reason in evidence.reasons}


@pytest.fixture(scope="module")
def of_the_law() -> FormulaEvidence:
    return judge(LAW)


def test_the_law_behind_noise_is_consistent_and_its_noise_is_known(of_the_law: FormulaEvidence) -> None:
    assert (of_the_law.verdict, of_the_law.reasons) == ("consistent", [])
    assert of_the_law.noise == pytest.approx(0.3, rel=0.15)
    assert of_the_law.power is not None
    assert of_the_law.power >= 0.8
    assert FormulaEvidence.from_dict(asdict(of_the_law)) == of_the_law


def test_the_evidence_of_a_model_of_an_earlier_version_is_read(of_the_law: FormulaEvidence) -> None:
    stored = asdict(of_the_law)
    stored["constants"] = stored.pop("non_structural_constants")
    assert FormulaEvidence.from_dict(stored) == of_the_law


def test_a_line_through_a_sine_is_not_consistent() -> None:
    assert judge(add(mul(number(1.0), A), mul(number(0.5), B))).verdict != "consistent"


def test_a_formula_that_lacks_a_column_leaves_signal_or_loses_to_others() -> None:
    found = judge(mul(number(2.0), call("sin", mul(number(1.5), A))))
    assert codes(found) & {"signal_left", "others_better"}


def test_errors_in_proportion_to_the_target_hide_no_column_that_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y = np.exp(4 * X[:, 0] + 0.25 * X[:, 1] + np.random.default_rng(3).normal(0, 0.7, ROWS))
    whole, short = (call("exp", add(mul(number(4.0), A), *more)) for more in ([mul(number(0.25), B)], []))
    monkeypatch.setattr(
        CrossValidation, "measure_boosting", lambda folds: np.full(len(folds.data.training), np.inf)
    )
    run = run_of(y, 200)

    def reasons(tree: Expression) -> set[str]:
        others = {"constant": run.measure_simple_models()["constant"]}
        errors = run.measure_formula(tree)
        return codes(assess_formula(Formula(tree, 0.0), errors, others, run, stability=lambda: 1.0))

    assert reasons(whole) == set()
    assert reasons(short) == {"signal_left"}


@pytest.mark.parametrize(
    ("answers", "share", "asked"),
    [("yyyy", 1.0, 3), ("nyyy", 0.75, 4), ("nn", 0.0, 2), ("ynn", 1 / 3, 3)],
)
def test_rows_are_resampled_until_the_answer_is_certain(answers: str, share: float, asked: int) -> None:
    law_itself, other = Formula(LAW, 0.0), Formula(A, 0.0)
    given = iter([law_itself if answer == "y" else other for answer in answers])
    taken = list[int]()

    def find(learnt: np.ndarray, judged: np.ndarray) -> Formula:
        taken.append(len(learnt) + len(judged))
        return next(given)

    rows = LabelledRows.from_columns({"a": X[:, 0], "b": X[:, 1]}, law(X) + NOISE)
    assert measure_stability(law_itself, rows, find, seed=0, thresholds=DEFAULT_ASSESSMENT) == pytest.approx(
        share
    )
    assert taken == [ROWS] * asked


def test_a_formula_no_better_than_a_constant_is_weak() -> None:
    found = judge(mul(number(0.01), A), run_of(NOISE))
    assert found.verdict == "weak"
    assert "no_better_than_constant" in codes(found)


def test_a_formula_that_a_line_beats_is_weak() -> None:
    found = judge(mul(number(2.0), A), run_of(2 * X[:, 0] + 3 * X[:, 1] + NOISE))
    assert found.verdict == "weak"


def test_few_rows_tell_nothing_of_what_is_left() -> None:
    found = judge(LAW, run_of(law(X) + NOISE * 3, 50))
    assert found.verdict != "consistent"
    assert codes(found) & {"rows_cannot_tell", "no_better_than_constant", "too_many_constants"}


def test_a_law_without_any_error_needs_no_test_of_its_residuals() -> None:
    tree = call("exp", A)
    found = judge(tree, run_of(np.exp(X[:, 0])))  # positive: errors of none may grow with the fitted values
    assert found.verdict == "consistent"


def test_a_formula_with_many_constants_needs_many_rows() -> None:
    waves = [mul(number(0.1 + k), call("sin", mul(number(float(k)), A))) for k in range(1, 9)]
    found = judge(add(LAW, *waves), run_of(law(X) + NOISE, 120))
    assert "too_many_constants" in codes(found)


@pytest.mark.parametrize(("stability", "code"), [(0.5, "unstable"), (None, "not_resampled")])
def test_a_formula_that_does_not_come_back_is_an_approximation(stability: float | None, code: str) -> None:
    found = judge(LAW, stability=lambda: stability)
    assert (found.verdict, codes(found)) == ("approximation", {code})


def test_resamplings_are_not_made_where_something_else_speaks_against_the_formula() -> None:
    def never() -> float:
        raise AssertionError

    assert judge(mul(number(0.01), A), run_of(NOISE), never).stability is None


def test_a_better_network_takes_the_verdict_back(of_the_law: FormulaEvidence) -> None:
    run, weights = NOISY_LAW, NOISY_LAW.data.training.weights
    errors = run.measure_formula(LAW)
    beside = add_comparisons(
        of_the_law, errors, {"network": 0.3 * errors}, weights, thresholds=DEFAULT_ASSESSMENT
    )
    assert (beside.verdict, codes(beside)) == ("approximation", {"others_better"})
    assert (
        add_comparisons(
            of_the_law, errors, {"network": errors}, weights, thresholds=DEFAULT_ASSESSMENT
        ).verdict
        == "consistent"
    )


def test_a_formula_that_is_no_number_at_some_rows_is_told_in_json() -> None:
    found = judge(call("log", A))
    assert found.noise is None
    assert found.verdict == "weak"


def run_with_errors(factor: float, rows: int = ROWS) -> CrossValidation:
    """The noisy law with known errors: these times a factor."""
    sigma = 0.3 * np.where(np.arange(rows) % 2, 1.0, 0.2)
    y = law(X[:rows]) + NOISE[:rows] * sigma / 0.3
    table = table_of(a=X[:rows, 0], b=X[:rows, 1], e=factor * sigma, y=y)
    data = prepare_data(table, request_for(target_error="e"))
    return CrossValidation(data=data, seed=0)


def test_residuals_as_large_as_the_known_errors_are_consistent() -> None:
    run = run_with_errors(1.0)
    evidence = judge(LAW, run)
    assert evidence.chi_square_per_dof == pytest.approx(1.0, abs=0.25)  # 3 deviations of χ² with 320 rows
    assert evidence.noise == pytest.approx(run.data.training.unit_error)
    assert evidence.verdict == "consistent"


def test_residuals_larger_than_the_known_errors_are_not_consistent() -> None:
    evidence = judge(LAW, run_with_errors(0.5))
    assert codes(evidence) >= {"errors_exceeded"}
    assert evidence.chi_square_per_dof == pytest.approx(4.0, abs=1.0)


def test_known_errors_tell_noise_from_signal_where_rows_alone_cannot() -> None:
    few = 60
    known = judge(LAW, run_with_errors(1.0, few))
    table = table_of(a=X[:few, 0], b=X[:few, 1], y=law(X[:few]) + NOISE[:few])
    unknown = judge(LAW, CrossValidation(data=prepare_data(table, request_for()), seed=0))
    assert known.power is not None
    assert unknown.power is not None
    assert known.power >= unknown.power


@pytest.mark.parametrize(
    ("probability", "none", "code"),
    [(0.5, 0.1, "rivals_likely"), (0.5, 0.4, "law_uncertain"), (0.79, 0.21, "law_uncertain")],
)
def test_a_formula_that_is_hardly_the_law_is_not_consistent_and_says_why(
    of_the_law: FormulaEvidence, probability: float, none: float, code: str
) -> None:
    doubted = replace(of_the_law, probability=probability, none_of_these=none)
    assert (doubted.verdict, codes(doubted)) == ("approximation", {code})
    assert f"{probability:.2g}" in doubted.reasons[0]["detail"]


def test_a_formula_that_is_probably_the_law_stays_consistent(of_the_law: FormulaEvidence) -> None:
    known = replace(of_the_law, probability=0.8, none_of_these=0.1)
    assert (known.verdict, known.reasons) == ("consistent", [])
    assert FormulaEvidence.from_dict(known.to_dict()) == known
