"""Free searches: what serves has learnt from all training rows, what tells its worth has not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import (
    Predictor,
    TrainingData,
    load,
)
from kan_engine.assessment.comparison import compute_rmse
from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.inference.decision_rule import choose_decision
from kan_engine.model_selection.thresholds import SelectionThresholds
from kan_engine.search.context import SearchContext
from kan_engine.search.laws.law_subtask import measure_law_errors
from kan_engine.search.model_search import find_model
from kan_engine.search.networks.network_search import train_network
from kan_engine.search.result import SearchResult
from kan_engine.search.subtasks import Subtask
from kan_engine.structure.search import StructureSearch
from service.documents.answering_member import Members
from service.storage.stored_table import StoredTable
from tests.support.engine.training_rows import prepare_data
from tests.support.stored import StoredOutcome, stored
from tests.support.tables import request_for, table_of
from worker.execution.job_callbacks import JobCallbacks
from worker.pipelines import search_config
from worker.pipelines.search_config import make_search_config
from worker.pipelines.tabular import run_pipeline

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("few_candidates", "no_suggestions")]

QUICK: dict[str, Any] = {
    "network": {"grid": 8},  # with a grid that was asked for, no law is looked for
    "symbolic": False,
    "baselines": False,
    "prune": False,
    "max_seconds": 0.8,
    "training": {"restarts": 2},
}
NOISE, ROWS = 0.5, 700
TIME_SHARES = ("search_time_share", "compact_growth_time_share", "compact_time_share")


def inputs(rows: int, seed: int) -> dict[str, np.ndarray]:
    return dict(zip("abc", np.random.default_rng(seed).uniform(-1, 1, (3, rows)), strict=True))


def noisy(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Three inputs, and a target with much noise."""
    x = inputs(rows, seed)
    noise = np.random.default_rng(seed + 1000).normal(0, NOISE, rows)
    return x | {"y": np.sin(3 * x["a"]) + x["b"] * x["c"] + noise}


def rare(rows: int, seed: int) -> StoredTable:
    """Three inputs and two classes, one of them rare, none of them sure."""
    x = inputs(rows, seed)
    p = 1 / (1 + np.exp(3 - 2 * x["a"] - x["b"]))
    is_rare = np.random.default_rng(seed + 1000).random(rows) < p
    return table_of(**x, y=np.where(is_rare, "rare", "usual").tolist())


def set_thresholds(monkeypatch: pytest.MonkeyPatch, **numbers: Any) -> None:
    changed = replace(search_config.THRESHOLDS, **numbers)
    monkeypatch.setattr(search_config, "THRESHOLDS", changed)


def served(table: StoredTable, **body: Any) -> Predictor:
    return load(run_pipeline(table, request_for(**QUICK | body)).artifact)


def searched(table: StoredTable, **body: Any) -> tuple[SearchResult, TrainingData]:
    request = request_for(**QUICK | body)
    data = prepare_data(table, request)
    return find_model(data, make_search_config(request)), data


@dataclass
class Job:
    """A pipeline run, with the result of its search."""

    table: StoredTable
    outcome: StoredOutcome
    found: SearchResult
    data: TrainingData
    checkpoints: list[bytes]

    @staticmethod
    def run(table: StoredTable) -> "Job":
        searches, checkpoints = list[tuple[SearchResult, TrainingData]](), list[bytes]()

        def spied(data: TrainingData, *args: Any) -> SearchResult:
            found = find_model(data, *args)
            searches.append((found, data))
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("worker.pipelines.tabular.find_model", spied)
            outcome = stored(
                run_pipeline(table, request_for(**QUICK), JobCallbacks(checkpoint=checkpoints.append))
            )
        return Job(table, outcome, *searches[0], checkpoints)

    @property
    def predictor(self) -> Predictor:
        return load(self.outcome.artifact)


def test_intervals_hold_on_fresh_rows_as_often_as_they_say() -> None:
    predictor, fresh = served(table_of(**noisy(ROWS, 0))), noisy(5_000, 1)
    y = fresh.pop("y")
    low, high = predictor.intervals(fresh, 0.9).T
    assert 0.86 < np.mean((low <= y) & (y <= high)) < 0.96


@pytest.fixture(scope="module")
def of_a_rare_class() -> Job:
    return Job.run(rare(ROWS, 0))


def test_residuals_are_errors_on_rows_not_seen_of_all_training_rows_where_these_are_few() -> None:
    job = Job.run(table_of(**noisy(300, 0)))
    found, data, residuals = job.found, job.data, job.predictor.residuals
    assert len(residuals) == len(data.training)
    np.testing.assert_allclose(residuals, np.sort(found.errors))
    with torch.no_grad():
        seen = found.network(torch.from_numpy(found.inputs.forward(data.training.x))).numpy()
    assert found.scaler is not None
    assert np.abs(found.scaler.inverse(seen)[:, 0] - data.training.y).mean() < residuals.mean()


def test_residuals_of_many_rows_are_those_of_the_network_that_has_not_seen_the_validation_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_thresholds(monkeypatch, selection=SelectionThresholds(max_cross_validation_rows=100))
    job = Job.run(table_of(**noisy(300, 0)))
    found, validation = job.found, job.data.validation
    assert found.contest is not None
    scaled = torch.from_numpy(found.inputs.forward(validation.x))
    with torch.no_grad():
        outputs = [network(scaled).numpy() for network in (found.judged, found.network)]
    assert found.scaler is not None
    errors, seen = (np.abs(found.scaler.inverse(out)[:, 0] - validation.y) for out in outputs)
    np.testing.assert_allclose(job.predictor.residuals, found.contest.correct_errors(errors))
    assert seen.mean() < errors.mean()


def test_the_threshold_is_that_of_the_network_that_has_not_seen_the_validation_rows(
    of_a_rare_class: Job,
) -> None:
    found, predictor = of_a_rare_class.found, of_a_rare_class.predictor
    decisions = [
        choose_decision(replace(predictor, network=network), of_a_rare_class.data)
        for network in (found.judged, found.network)
    ]
    assert decisions[0].rule == "f1"
    assert predictor.decision_weights == decisions[0].weights != decisions[1].weights


def test_a_resumed_classifier_decides_as_before_the_crash(of_a_rare_class: Job) -> None:
    before, (checkpoint,) = of_a_rare_class.outcome, of_a_rare_class.checkpoints
    after = stored(run_pipeline(of_a_rare_class.table, request_for(**QUICK), JobCallbacks(resume=checkpoint)))
    assert before.record["decision"]["rule"] == "f1"
    assert after.record["decision"] == before.record["decision"]
    assert after.artifact == before.artifact


@pytest.mark.parametrize(("rows", "classes"), [(10, 0), (30, 0), (10, 2), (20, 3)])
def test_a_very_small_table_gives_a_model_with_all_defaults(
    rows: int, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Laws apart, which tests of their own look for."""
    monkeypatch.setattr("kan_engine.search.laws.law_subtask.find_law", lambda *_: None)
    monkeypatch.setattr("kan_engine.search.model_search.find_formulas_of_classes", lambda found, _: found)
    x = inputs(rows, 0)
    rank = np.arange(rows) % max(classes, 1)
    y = [f"class {place}" for place in rank] if classes else x["a"] + x["b"] * x["c"]
    outcome = stored(run_pipeline(table_of(**x, y=y), request_for(max_seconds=0.5)))
    predicted = load(outcome.artifact).predict(x)
    assert set(predicted) <= set(y) if classes else np.isfinite(predicted.astype(float)).all()


@pytest.mark.parametrize(("factor", "serves"), [(0.99, "law"), (1.01, "network")])
def test_a_law_serves_where_its_error_on_rows_not_seen_is_no_larger(
    factor: float, serves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StructureSearch, "_iterate_families", lambda *_: iter(()))
    monkeypatch.setattr(
        "kan_engine.search.laws.law_subtask.measure_law_errors",
        lambda _, run: np.full(len(run.data.training), factor * 0.01),
    )

    def trained(run: SearchContext, then: Sequence[Subtask] = ()) -> SearchResult:
        return replace(train_network(run, then), errors=np.full(len(run.data.training), 0.01))

    monkeypatch.setattr("kan_engine.search.networks.choice.train_network", trained)
    monkeypatch.setattr("kan_engine.search.networks.hill_climb.list_moves", lambda _: ())
    set_thresholds(monkeypatch, **dict.fromkeys(TIME_SHARES, 100.0))  # nothing is ended by the clock
    found, _ = searched(table_of(**noisy(120, 0)), network={}, training={}, max_seconds=4)
    assert (len(found.network.config.width) == 2 and found.network.config.groups == 1) is (serves == "law")
    assert (found.judged is found.network) is (serves == "law")


def test_the_errors_of_a_law_count_how_badly_its_splines_follow_its_functions() -> None:
    request = request_for(**QUICK)
    data = prepare_data(table_of(**noisy(400, 0)), request)
    run = SearchContext.create(data, make_search_config(request))
    right = SimpleNamespace(
        is_adequate=True,
        predict=lambda rows: rows.y[:, 0].numpy(),
        predict_by_splines=lambda rows: rows.y[:, 0].numpy() + 3,
    )
    errors = measure_law_errors(SimpleNamespace(fit=right), run)  # type: ignore[arg-type]
    np.testing.assert_allclose(errors[~np.isnan(errors)], 3)


@pytest.mark.parametrize(("noise", "is_cut"), [(NOISE, True), (0.0, False)])
def test_larger_networks_get_their_share_of_the_work_unless_a_law_shows(
    noise: float, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_thresholds(monkeypatch, law_time_share=0.1, **dict.fromkeys(TIME_SHARES, 1e6))
    x = inputs(150, 0)
    y = np.exp(x["a"]) + x["b"] + np.random.default_rng(1).normal(0, noise, 150)
    request = request_for(baselines=False, max_seconds=2.0)
    found = find_model(prepare_data(table_of(**x, y=y), request), make_search_config(request))
    assert found.is_cut is is_cut


@pytest.mark.parametrize("rows", [200, 4_000])
def test_the_expected_error_of_a_network_is_about_its_error_on_fresh_rows(rows: int) -> None:
    found, data = searched(table_of(**noisy(rows, 0)), max_seconds=4)
    fresh = noisy(5_000, 1)
    x = np.column_stack([fresh[name] for name in data.names])
    with torch.no_grad():
        outputs = found.network(torch.from_numpy(found.inputs.forward(x))).numpy()
    assert found.scaler is not None
    error = np.sqrt(np.mean((found.scaler.inverse(outputs)[:, 0] - fresh["y"]) ** 2))
    assert compute_rmse(found.errors, data.training.weights) == pytest.approx(error, rel=0.15)


def test_where_nothing_beats_a_line_a_network_of_straight_lines_serves_and_says_so() -> None:
    x = inputs(250, 0)
    y = 3 * x["a"] - 2 * x["b"] + np.random.default_rng(1).normal(0, 0.5, 250)
    outcome = stored(run_pipeline(table_of(**x, y=y), request_for(baselines=False, max_seconds=4)))
    predictor = load(outcome.artifact)
    assert outcome.record["network"]["width"] == [3, 1]
    assert outcome.record["members"]["linear"]["kind"] == "linear"
    assert "a straight line is enough" in " ".join(outcome.record["warnings"])
    far = {name: 100 * values for name, values in x.items()}
    origin = {name: 0 * values for name, values in x.items()}
    at_origin, near = predictor.predict(origin).astype(float), predictor.predict(x).astype(float)
    np.testing.assert_allclose(
        predictor.predict(far) - at_origin, 100 * (near - at_origin), rtol=1e-6, atol=1e-6
    )
    assert outcome.symbolic is not None
    assert outcome.symbolic["verdict"] == "consistent"


def test_the_line_of_targets_that_vary_by_factors_is_an_exponential() -> None:
    def draw(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        x = inputs(150, seed)
        noise = np.random.default_rng(seed + 1).normal(0, 0.5, 150)
        return x, np.exp(1 + 2 * x["a"] - 1.5 * x["b"] + noise)

    x, y = draw(0)
    request = request_for(serve="linear", symbolic=False, baselines=False, max_seconds=2)
    outcome = stored(run_pipeline(table_of(**x, y=y), request))
    line = load(outcome.artifact).answering_network
    assert outcome.record["members"]["linear"]["kind"] == "log_linear"
    fresh, _ = draw(7)
    expected = np.exp(1 + 2 * fresh["a"] - 1.5 * fresh["b"] + 0.125)  # the mean, not the median
    np.testing.assert_allclose(line.predict(fresh).astype(float), expected, rtol=0.35)
    far = {name: 100 * values for name, values in x.items()}
    assert line.predict(far).astype(float).max() <= 2 * y.max()


def test_where_a_line_tells_nothing_a_constant_serves() -> None:
    y = np.random.default_rng(1).normal(0, 0.5, 60)
    outcome = stored(
        run_pipeline(table_of(**inputs(60, 0), y=y), request_for(baselines=False, max_seconds=3))
    )
    assert np.ptp(load(outcome.artifact).answering_network.predict(inputs(50, 2)).astype(float)) < 1e-12
    assert "a constant is enough" in " ".join(outcome.record["warnings"])


def test_a_shape_that_was_asked_for_serves_though_a_line_is_better_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        CrossValidation,
        "measure_simple_models",
        lambda folds: {name: np.zeros(len(folds.data.training)) for name in ("constant", "linear")},
    )
    asked = {"network": {"hidden": [2], "grid": 3}, "training": {"steps": 2}}
    record = stored(run_pipeline(table_of(**noisy(100, 0)), request_for(**QUICK | asked))).record
    assert record["network"]["width"] == [3, 2, 1]
    assert "a straight line is better" in " ".join(record["warnings"])


def test_two_classes_that_a_line_tells_apart_are_told_apart_by_logistic_regression() -> None:
    x = inputs(90, 0)
    y = np.where(x["a"] + 0.5 * x["b"] + np.random.default_rng(1).normal(0, 0.5, 90) > 0, "up", "down")
    outcome = stored(
        run_pipeline(table_of(**x, y=y.tolist()), request_for(baselines=False, symbolic=False, max_seconds=1))
    )
    assert "logistic regression" in " ".join(outcome.record["warnings"])
    fresh = inputs(500, 5)
    guessed = load(outcome.artifact).predict(fresh)
    assert np.mean((guessed == "up") == (fresh["a"] + 0.5 * fresh["b"] > 0)) > 0.85


@pytest.fixture(scope="module")
def of_noisy_rows() -> Predictor:
    return served(table_of(**noisy(200, 0)))


@pytest.mark.parametrize("scale", [30.0, 1e6])
def test_answers_far_outside_stay_within_a_range_of_the_targets(
    of_noisy_rows: Predictor, scale: float
) -> None:
    table = noisy(200, 0)
    y = table.pop("y")
    answers = of_noisy_rows.predict({name: scale * values for name, values in table.items()}).astype(float)
    assert answers.min() >= y.min() - np.ptp(y)
    assert answers.max() <= y.max() + np.ptp(y)


def test_a_single_restart_serves_a_single_network() -> None:
    predictor = served(table_of(**noisy(100, 0)), training={"steps": 3, "restarts": 1})
    assert predictor.network.config.groups == 1


@pytest.mark.parametrize("rows", [100, pytest.param(300, marks=pytest.mark.thorough)])
def test_as_many_networks_serve_side_by_side_as_restarts_say(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = SelectionThresholds(max_cross_validation_rows=100)
    set_thresholds(monkeypatch, selection_bias_factor=1e9, selection=few)
    # Nor does an additive network win
    monkeypatch.setattr("kan_engine.search.networks.hill_climb.list_moves", lambda _: ())
    training = {"steps": 3, "restarts": 3, "optimizer": "adam"}
    predictor = served(table_of(**noisy(rows, 0)), training=training, max_seconds=20)
    assert predictor.network.config.groups == 3


def test_a_network_without_a_shape_is_trained_as_was_asked_for() -> None:
    training = {"steps": 3, "restarts": 1, "optimizer": "levenberg_marquardt"}
    found, _ = searched(table_of(**noisy(100, 0)), training=training)
    assert (found.optimizer, found.network.config.groups) == ("levenberg_marquardt", 1)


def test_networks_side_by_side_are_trained_on_without_what_was_pruned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_thresholds(monkeypatch, selection=SelectionThresholds(max_pruning_loss_ratio=1e9))
    x = inputs(ROWS, 0)
    table = table_of(**x, y=np.sin(3 * x["a"]) + x["b"])
    training = {"restarts": 2, "optimizer": "adam"}
    found, _ = searched(table, prune=True, training=training)
    assert found.network.config.groups == 2
    edges = found.network.edge_count
    assert found.judged is not found.network
    assert edges == found.judged.edge_count < searched(table, training=training)[0].network.edge_count


def test_columns_over_many_decades_are_answered_by_their_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    front = replace(search_config.THRESHOLDS.front, max_work=1e6)
    set_thresholds(monkeypatch, front=front)

    def draw(seed: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        a, b = 10 ** rng.uniform(-10, 10, (2, 150))
        return {"a": a, "b": b, "y": np.log10(a) + np.log10(b) / 2 + 0.1 * rng.normal(size=150)}

    outcome = stored(run_pipeline(table_of(**draw(0)), request_for(max_seconds=10)))
    assert outcome.symbolic is not None
    low, high = outcome.symbolic["serves_within"]
    assert low < -30
    assert high > 30
    assert outcome.record["members"]["formula"]["serves"]
    assert "the formula answers" in " ".join(outcome.record["warnings"])
    assert outcome.record["metrics"] == pytest.approx(outcome.record["members"]["formula"]["metrics"])
    assert outcome.record["metrics"]["r2"] > 0.99
    assert outcome.record["network_metrics"] != outcome.record["metrics"]
    fresh = draw(1)
    y = fresh.pop("y")
    _, serving = Members.build(load(outcome.artifact), outcome.symbolic).select("auto")
    assert np.corrcoef(serving.predict(fresh), y)[0, 1] > 0.99
    assert 0.8 < np.mean(np.abs(serving.predict(fresh) - y) <= serving.margin(0.9)) < 0.99
