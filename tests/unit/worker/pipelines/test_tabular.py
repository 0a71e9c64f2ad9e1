"""Training jobs from a table to a model: laws, networks, classifiers, and what is told of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import (
    Predictor,
    TrainingData,
    Variable,
    evaluate,
    from_json,
    load,
    read_metadata,
    save,
)
from kan_engine.errors import DeviceUnavailable
from kan_engine.expressions.evaluation import add, apply_function
from kan_engine.formulas.callbacks import TrialReport, ignore_trial
from kan_engine.formulas.candidate import Candidate
from kan_engine.model_selection.moves import list_moves
from kan_engine.model_selection.thresholds import SelectionThresholds
from kan_engine.model_selection.trials import run_trial
from kan_engine.search.strategies import LogOddsCurves
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from kan_engine.structure.search import StructureSearch
from kan_engine.training.thresholds import DEFAULT_TRAINING
from service.documents.answering_member import Members
from service.storage.stored_table import StoredTable
from tests.support.engine.networks import random_network
from tests.support.engine.shared import share
from tests.support.engine.training_rows import prepare_data
from tests.support.stored import StoredOutcome, stored
from tests.support.tables import request_for, table_of
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.outcome import JobProgress
from worker.pipelines import search_config
from worker.pipelines.tabular import run_pipeline
from worker.pipelines.thresholds import DEFAULT_PIPELINE, PipelineThresholds

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("few_candidates", "no_suggestions")]

ROWS = 120
RNG = np.random.default_rng(0)
A, B, C = RNG.uniform(0.5, 2.0, (3, ROWS))
BRIEF: dict[str, Any] = {"network": {"hidden": [], "grid": 3}, "training": {"steps": 5}, "baselines": False}
BARE: dict[str, Any] = {**BRIEF, "symbolic": False}


@dataclass
class Job:
    """A pipeline run, and all it was given and said."""

    table: StoredTable
    body: dict[str, Any]
    outcome: StoredOutcome
    reports: list[JobProgress] = field(default_factory=list)
    checkpoints: list[bytes] = field(default_factory=list)

    @property
    def record(self) -> dict[str, Any]:
        return self.outcome.record

    @property
    def predictor(self) -> Predictor:
        return load(self.outcome.artifact)

    @property
    def data(self) -> TrainingData:
        return prepare_data(self.table, request_for(**self.body))

    @property
    def test_columns(self) -> dict[str, np.ndarray]:
        return dict(zip(self.data.names, self.data.test.x.T, strict=True))

    @property
    def formulas(self) -> list[dict[str, Any]]:
        assert self.outcome.symbolic is not None
        return list(self.outcome.symbolic["outputs"])


def run(
    table: StoredTable,
    *,
    resume: bytes | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    record_trial: Callable[[TrialReport], None] = ignore_trial,
    thresholds: PipelineThresholds = DEFAULT_PIPELINE,
    **body: Any,
) -> Job:
    reports: list[JobProgress] = []
    checkpoints: list[bytes] = []
    outcome = stored(
        run_pipeline(
            table,
            request_for(**body),
            JobCallbacks(
                report=reports.append,
                record_trial=record_trial,
                should_stop=should_stop,
                resume=resume,
                checkpoint=checkpoints.append,
            ),
            thresholds=thresholds,
        )
    )
    return Job(table, body, outcome, reports, checkpoints)


def additive_table() -> StoredTable:
    """a² + 3·cos b, with an idle c."""
    return table_of(a=A, b=B, c=C, y=A**2 + 3 * np.cos(B))


def labels(count: int) -> list[str]:
    """Classes by where a lies, in alphabetical order."""
    return ["low" if a < 1 else "mid" if a < 1.5 or count == 2 else "top" for a in A]


@pytest.fixture(scope="module")
def law(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return share("tabular-law", lambda: run(additive_table()), tmp_path_factory)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Job:
    table = table_of(a=A, b=B, y=labels(2))
    return share("tabular-binary", lambda: run(table, **BRIEF, features=["a"]), tmp_path_factory)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """After few steps, while its log-odds are still smooth enough to have formulas."""
    short = {"training": {"steps": 3}, "symbolic": {"max_complexity": 8}}
    table, body = table_of(a=A, b=B, y=labels(3)), BRIEF | short
    return share("tabular-three", lambda: run(table, **body, features=["a"]), tmp_path_factory)


# --- A law ---------------------------------------------------------------------------------------------


def test_an_additive_law_with_all_defaults_is_exact(law: Job) -> None:
    assert law.outcome.symbolic is not None
    assert law.outcome.symbolic["exact"] is True
    assert law.formulas[0]["expression"] == "a**2 + 3*cos(b)"


def test_the_network_of_a_law_is_served_itself(law: Job) -> None:
    assert (law.record["formula_of"], law.record["network"]["width"]) == ("network", [3, 1])
    assert law.record["network_metrics"]["r2"] > 1 - 1e-6  # a grid of 16 on cos: 1e-4 of the spread
    assert (law.outcome.task, law.outcome.cut_by) == ("regression", None)


def test_an_eliminated_input_is_not_needed_to_predict(law: Job) -> None:
    assert law.predictor.unused == {"c"}
    columns = {name: values for name, values in law.test_columns.items() if name != "c"}
    np.testing.assert_array_equal(law.predictor.predict(columns), law.predictor.predict(law.test_columns))


def test_the_evidence_against_an_eliminated_input_is_kept(law: Job) -> None:
    (dropped,) = law.record["dropped"]
    assert dropped["input"] == "c"
    assert dropped["error_without"] < 1e-3
    assert dropped["error_without"] < 3 * dropped["error_with"] + 1e-4


def test_an_eliminated_input_has_no_edge_in_the_picture(law: Job) -> None:
    assert [edge["in"] for edge in law.outcome.edges["edges"]] == [0, 1]
    assert law.outcome.edges["inputs"] == ["a", "b", "c"]


def test_the_formula_equals_the_network_within_their_stated_errors(law: Job) -> None:
    test = law.data.test
    formula = evaluate(from_json(law.formulas[0]["tree"]), law.test_columns)
    difference = np.sqrt(np.mean((formula - law.predictor.predict(test.x)) ** 2))
    assert difference <= law.formulas[0]["rmse"] + law.record["network_metrics"]["rmse"] + 1e-15


def test_stated_errors_are_those_on_the_hold_out_rows(law: Job) -> None:
    test, members = law.data.test, Members.build(law.predictor, law.outcome.symbolic)
    for by, name in (("auto", "metrics"), ("accurate", "network_metrics")):
        _, predictor = members.select(by)  # type: ignore[arg-type]
        errors = np.abs(predictor.predict(test.x) - test.y)
        assert law.record[name]["mae"] == pytest.approx(errors.mean())
    assert law.record["split"]["test_rows"] == len(test) == ROWS // 5


def test_intervals_come_from_all_training_rows_each_predicted_by_what_has_not_seen_it(law: Job) -> None:
    validation, residuals = law.data.validation, law.predictor.residuals
    assert len(residuals) == len(law.data.training)
    errors = np.abs(law.predictor.predict(validation.x) - validation.y)
    assert np.median(residuals) == pytest.approx(np.median(errors), rel=2)


def test_the_formula_is_a_member_with_its_own_errors_beside_those_of_the_network(law: Job) -> None:
    formula = Members.build(law.predictor, law.outcome.symbolic).formula
    assert formula is not None
    validation, test = law.data.validation, law.data.test
    errors = np.sort(np.abs(formula.predict(validation.x) - validation.y))
    assert law.predictor.formula_residuals is not None
    np.testing.assert_array_equal(law.predictor.formula_residuals, errors)
    assert formula.margin(0.9) < law.predictor.margin(0.9)
    member = law.record["members"]["formula"]
    rmse = float(np.sqrt(np.mean((formula.predict(test.x) - test.y) ** 2)))
    assert member["metrics"]["rmse"] == pytest.approx(rmse)
    assert (member["complexity"], member["verdict"]) == (law.formulas[0]["complexity"], "exact")
    assert member["fidelity"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", ["binary", "three"])
def test_the_formulas_of_a_classifier_are_measured_as_its_network_is(
    name: str, request: pytest.FixtureRequest
) -> None:
    job: Job = request.getfixturevalue(name)
    member = job.record["members"]["formula"]
    assert member["metrics"].keys() == job.record["metrics"].keys()
    assert member["metrics"]["accuracy"] > 0.8
    assert member["metrics"]["log_loss"] < 0.5
    assert member["fidelity"] <= 1  # the labels decide, and not the network
    assert job.predictor.formula_residuals is None


@pytest.fixture
def _few_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The climb to better settings tries four changes of them."""
    monkeypatch.setattr("kan_engine.search.networks.hill_climb.list_moves", lambda task: list_moves(task)[:4])


@pytest.mark.usefixtures("_few_moves")
def test_intervals_allow_for_the_luck_of_the_network_that_won_on_the_validation_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = SelectionThresholds(max_cross_validation_rows=50)
    monkeypatch.setattr(search_config, "THRESHOLDS", replace(search_config.THRESHOLDS, selection=few))
    monkeypatch.setattr(
        "kan_engine.search.networks.trials.TrialRunner.retrain", lambda _, trained: trained.network
    )
    noisy = A + np.random.default_rng(3).normal(0, 0.3, ROWS)
    body = BARE | {"network": {}, "training": {"optimizer": "adam", "steps": 8, "restarts": 1}}
    job = run(table_of(a=A, b=B, y=noisy), **body, prune=False)
    validation = job.data.validation
    errors = np.sort(np.abs(job.predictor.predict(validation.x) - validation.y))
    assert job.predictor.residuals.mean() > 1.005 * errors.mean()


def test_progress_goes_from_stage_to_stage_and_never_back(law: Job) -> None:
    fractions = [report.fraction for report in law.reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 0.95)
    assert list(dict.fromkeys(report.stage for report in law.reports)) == [
        "prepare",
        "train",
        "structure",
        "evaluate",
        "symbolic",
        "figures",
        "baselines",
    ]


def test_a_shape_is_told_with_its_error_in_the_spread_of_the_target(law: Job) -> None:
    errors = [report.error for report in law.reports if report.message.startswith("shape")]
    assert 0 < min(error for error in errors if error is not None) < 1e-4  # a law without noise


def test_every_small_network_and_every_step_of_the_climb_is_a_trial() -> None:
    tried: list[TrialReport] = []
    noisy = A + np.random.default_rng(3).normal(0, 0.3, ROWS)
    body = BARE | {"network": {}, "training": {"steps": 8, "restarts": 1}, "prune": False}
    job = run(table_of(a=A, b=B, y=noisy), record_trial=tried.append, **body)
    shapes = [report.error for report in job.reports if report.message.startswith("shape") and report.error]
    assert [trial.error for trial in tried if trial.kind == "structure"] == shapes
    networks = [trial for trial in tried if trial.kind == "network"]
    assert len({(t.width, t.grid, t.steps, t.weight_decay, t.quantile) for t in networks}) > 2
    assert all(0.1 < trial.error < 3 for trial in networks)


def test_the_time_of_every_stage_is_told(law: Job) -> None:
    assert list(law.record["timings"]) == ["prepare", "train", "evaluate", "symbolic", "figures", "baselines"]


def test_the_linear_baseline_is_measured_beside_the_model(law: Job) -> None:
    linear = law.record["baselines"]["linear"]["metrics"]
    assert 0.5 < linear["r2"] < law.record["metrics"]["r2"]


def test_a_resumed_job_gives_the_same_model_without_training(
    law: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.pipelines.tabular.find_model", None)
    (checkpoint,) = law.checkpoints
    resumed = run(law.table, resume=checkpoint)
    assert resumed.outcome.artifact == law.outcome.artifact
    assert resumed.outcome.symbolic == law.outcome.symbolic
    assert resumed.record | {"timings": 0, "baselines": 0} == law.record | {"timings": 0, "baselines": 0}


def test_the_same_seed_gives_the_same_model_bit_for_bit(law: Job) -> None:
    again = run(law.table)
    assert again.outcome.artifact == law.outcome.artifact
    assert again.outcome.symbolic == law.outcome.symbolic


@pytest.fixture(scope="module")
def in_groups() -> Job:
    """a·tanh(b/c), with an idle d."""
    a, b, c, idle = np.random.default_rng(3).uniform(0.5, 2.0, (4, 2 * ROWS))
    return run(table_of(a=a, b=b, c=c, d=idle, y=a * np.tanh(b / c)), baselines=False)


def test_a_law_in_fewer_variables_is_written_in_the_columns(in_groups: Job) -> None:
    assert in_groups.formulas[0]["expression"] == "a*tanh(b/c)"
    assert in_groups.outcome.symbolic is not None
    assert in_groups.outcome.symbolic["exact"]


def test_beside_a_law_in_fewer_variables_a_network_of_all_of_them_serves(in_groups: Job) -> None:
    assert in_groups.record["formula_of"] == "law"
    assert in_groups.record["network"]["width"][0] == 4
    assert in_groups.record["metrics"]["r2"] > 0.999


def test_progress_never_falls_though_one_search_runs_within_another(in_groups: Job) -> None:
    fractions = [report.fraction for report in in_groups.reports]
    assert fractions == sorted(fractions)


def test_inputs_that_a_law_in_fewer_variables_does_without_leave_the_network(in_groups: Job) -> None:
    assert in_groups.predictor.unused == {"d"}


# --- Networks ------------------------------------------------------------------------------------------


@pytest.fixture
def _only_additive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for a law gives up early, and there is little time for larger networks."""
    monkeypatch.setattr(StructureSearch, "_iterate_families", lambda *_: iter(()))
    brief = SelectionThresholds(climb_time_share=1e-3)
    monkeypatch.setattr(search_config, "THRESHOLDS", replace(search_config.THRESHOLDS, selection=brief))


def test_a_network_that_was_asked_for_keeps_its_shape_and_grid() -> None:
    body = BARE | {"network": {"hidden": [2], "grid": 4, "order": 2}, "prune": False}
    network = run(additive_table(), **body).record["network"]
    assert (network["width"], network["grid"], network["order"]) == ([3, 2, 1], 4, 2)
    assert network["parameters"] == (3 * 2 + 2) * (4 + 2 + 1)
    assert network["products"] == 0


def test_nodes_that_multiply_are_counted_and_told_apart_from_those_that_add() -> None:
    (checkpoint,) = run(additive_table(), **BARE).checkpoints
    network = random_network((3, 3, 1), products=2)
    changed = save(replace(load(checkpoint), network=network), read_metadata(checkpoint))
    job = run(additive_table(), resume=changed, **BARE)
    assert job.record["network"]["products"] == 2
    assert [n["operation"] for n in job.outcome.edges["nodes"][1]] == ["sum", "product", "product"]


def test_a_network_that_was_asked_for_has_the_formula_of_the_law_beside_it() -> None:
    job = run(additive_table(), **BRIEF)
    assert job.record["formula_of"] == "law"
    assert job.formulas[0]["expression"] == "a**2 + 3*cos(b)"


def test_a_grid_schedule_ends_on_its_finest_grid() -> None:
    body = BARE | {"training": {"steps": 3, "grid_schedule": [3, 6]}}
    job = run(additive_table(), **body)
    assert job.record["network"]["grid"] == 6
    assert {step["grid"] for step in job.record["history"]} == {3, 6}


def test_a_free_grid_is_refined_while_the_rows_outnumber_the_weights() -> None:
    job = run(additive_table(), **BARE | {"network": {"hidden": []}, "prune": False})
    assert {step["grid"] for step in job.record["history"]} <= {3, 5, 10, 20}
    assert job.record["network"]["parameters"] < job.record["split"]["training_rows"]


@pytest.mark.parametrize(("restarts", "starts"), [("auto", DEFAULT_TRAINING.auto_starts), (3, 3)])
def test_a_shape_that_was_asked_for_begins_at_the_best_of_so_many_starts(
    monkeypatch: pytest.MonkeyPatch, restarts: Any, starts: int
) -> None:
    given: list[int] = []

    def spied(*args: Any, **options: Any) -> Any:
        given.append(options["starts"])
        return run_trial(*args, **options)

    monkeypatch.setattr("kan_engine.search.networks.trials.run_trial", spied)
    run(additive_table(), **BARE | {"training": {"steps": 1, "restarts": restarts}})
    assert set(given) == {starts}


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_optimizer_that_was_asked_for_is_used(optimizer: str) -> None:
    job = run(additive_table(), **BARE | {"training": {"steps": 3, "optimizer": optimizer}})
    assert (job.record["network"]["optimizer"], job.record["network"]["device"]) == (optimizer, "cpu")


def test_the_record_says_that_adam_trained_on_the_device_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("kan_engine.training.adam", "kan_engine.search.model_search"):
        monkeypatch.setattr(f"{module}.find_cuda", lambda: torch.device("cpu"))
    asked = {"steps": 2, "restarts": 2, "optimizer": "adam", "device": "cuda"}
    job = run(additive_table(), **BARE | {"training": asked})
    assert (job.record["network"]["optimizer"], job.record["network"]["device"]) == ("adam", "cuda")


def test_cuda_without_a_gpu_is_an_error_before_any_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("kan_engine.search.model_search.SearchContext", None)
    with pytest.raises(DeviceUnavailable):
        run(additive_table(), **BARE | {"training": {"device": "cuda"}})


@pytest.mark.usefixtures("_only_additive")
def test_where_no_small_law_holds_the_better_network_is_served() -> None:
    job = run(table_of(a=A, b=B, y=(A - 0.8) * (B - 0.8) * (1 + 0.2 * np.sin(5 * A))))  # hardly additive
    assert job.record["formula_of"] == "law"
    assert job.record["network"]["width"][1] > 1


@pytest.mark.usefixtures("_only_additive")
def test_a_law_that_is_no_worse_than_a_larger_network_is_served() -> None:
    noisy = A + np.random.default_rng(2).normal(0, 0.1, ROWS)
    job = run(table_of(a=A, y=noisy), symbolic=False)
    assert (job.record["formula_of"], job.record["network"]["width"]) == ("network", [1, 1])


def test_stages_that_are_switched_off_are_left_out() -> None:
    job = run(additive_table(), prune=False, symbolic=False, baselines=False)
    assert job.outcome.symbolic is None
    assert job.record["baselines"] == {}
    assert job.predictor.unused == set()


@pytest.mark.usefixtures("_only_additive")
def test_a_complexity_that_no_law_keeps_to_leaves_a_constant_which_is_weak() -> None:
    job = run(additive_table(), symbolic={"max_complexity": 2})
    assert job.outcome.symbolic is not None
    assert job.outcome.symbolic["verdict"] == "weak"
    (entry,) = job.formulas[0]["pareto"]
    assert float(entry["expression"]) == pytest.approx(np.mean(job.data.training.y), rel=0.01)


def test_a_law_of_a_wide_table_is_found_and_served_by_the_columns_that_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = replace(search_config.THRESHOLDS, max_structure_inputs=2, max_selected_columns=2)
    monkeypatch.setattr(search_config, "THRESHOLDS", few)
    job = run(additive_table())
    assert job.formulas[0]["expression"] == "a**2 + 3*cos(b)"
    assert job.record["network"]["width"][0] == 3
    assert job.predictor.unused == {"c"}
    assert job.record["metrics"]["r2"] > 0.999


@pytest.mark.usefixtures("_only_additive")
def test_a_search_that_finds_nothing_leaves_a_sparse_sum_of_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kan_engine.search.laws.law_subtask.find_law", lambda *_: None)
    y = 3 * np.log(A) + B + np.random.default_rng(3).normal(0, 0.05, ROWS)
    job = run(table_of(a=A, b=B, c=C, y=y))
    assert job.outcome.symbolic is not None
    assert job.outcome.symbolic["verdict"] in ("approximation", "consistent")
    assert "log(a)" in job.formulas[0]["expression"]
    assert job.formulas[0]["r2"] > 0.98
    assert job.formulas[0]["pareto"][0]["complexity"] == 1
    assert job.record["formula_of"] == "law"


def test_a_job_that_is_stopped_once_it_has_a_network_ends_with_a_formula() -> None:
    job = run(table_of(a=A, b=B, y=A * B), should_stop=lambda: True, **BRIEF)
    assert job.outcome.cut_by is not None
    assert job.formulas[0]["r2"] > 0.9


def test_a_formula_of_noise_is_weak() -> None:
    job = run(table_of(a=A, b=B, y=np.random.default_rng(5).normal(size=ROWS)), **BRIEF)
    assert job.outcome.symbolic is not None
    assert job.outcome.symbolic["verdict"] == "weak"


def test_without_symbolic_no_sum_of_terms_is_looked_for_either() -> None:
    assert run(additive_table(), **BARE).outcome.symbolic is None


def test_a_long_history_is_thinned_to_what_a_plot_shows() -> None:
    two = PipelineThresholds(max_history_points=2)
    body = BARE | {"training": {"steps": 6, "optimizer": "adam"}}  # which takes all of its steps
    history = run(additive_table(), thresholds=two, **body).record["history"]
    assert [step["step"] for step in history] == [0, 3]


# --- Classifiers ---------------------------------------------------------------------------------------


def test_a_binary_classifier_has_one_output_and_tells_its_classes(binary: Job) -> None:
    assert binary.record["classes"] == ["low", "mid"]
    assert binary.record["network"]["width"] == [1, 1]
    assert binary.record["outputs"] == ["y"]
    assert binary.outcome.task == "classification"


def test_a_classifier_is_measured_on_the_hold_out_rows(binary: Job) -> None:
    test = binary.data.test
    truth = binary.data.labels(test)
    accuracy = np.mean(binary.predictor.predict(test.x) == truth)
    assert binary.record["metrics"]["accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.9
    assert binary.record["per_class"]["low"]["support"] == (truth == "low").sum()


@pytest.mark.parametrize("name", ["binary", "three"])
def test_the_formulas_of_a_classifier_are_those_of_its_log_odds(
    name: str, request: pytest.FixtureRequest
) -> None:
    job: Job = request.getfixturevalue(name)
    most = DEFAULT_THRESHOLDS.max_log_odds
    raw = job.predictor.raw_outputs(job.data.test.x).clip(-most, most)
    assert [formula["name"] for formula in job.formulas] == job.record["outputs"]
    for place, formula in enumerate(job.formulas):
        values = evaluate(from_json(formula["tree"]), job.test_columns)
        assert formula["rmse"] == pytest.approx(np.sqrt(np.mean((values - raw[:, place]) ** 2)))
        assert formula["log_loss"] < 0.5


def test_a_classifier_of_three_has_an_output_and_a_probability_for_each(three: Job) -> None:
    assert three.record["outputs"] == three.record["classes"] == ["low", "mid", "top"]
    probabilities = three.predictor.probabilities(three.data.test.x)
    assert probabilities.shape == (len(three.data.test), 3)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert set(three.record["per_class"]) == {"low", "mid", "top"}


@pytest.mark.usefixtures("_few_moves")
def test_a_classifier_without_a_shape_is_the_best_of_several() -> None:
    body = BARE | {"network": {}, "training": {"steps": 2, "restarts": 2}, "prune": False}
    job = run(table_of(a=A, b=B, y=labels(2)), **body)
    best = min(step["validation_loss"] for step in job.record["history"])
    told = [float(r.message.rpartition(" ")[2]) for r in job.reports if r.message.startswith("KAN")]
    assert len(told) > 2
    assert best == pytest.approx(min(told), rel=1e-2)  # messages have three digits


def test_a_classifier_no_better_than_a_guess_says_so() -> None:
    y = ["often"] * ROWS
    for row in range(0, ROWS, 10):
        y[row] = "rare"
    job = run(table_of(a=A, y=y), **BARE, split={"kind": "stratified"})
    assert "is no higher than that of a constant guess" in job.record["warnings"][-1]


def test_a_classifier_of_many_inputs_has_a_formula(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = replace(search_config.THRESHOLDS, max_structure_inputs=1, max_selected_columns=1)
    monkeypatch.setattr(search_config, "THRESHOLDS", few)
    job = run(table_of(a=A, b=B, y=labels(2)), **BRIEF)
    assert job.formulas[0]["r2"] > 0.5


def test_log_odds_of_two_classes_have_a_formula_where_none_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LogOddsCurves, "propose", lambda *_: iter(()))
    job = run(table_of(a=A, b=B, y=labels(2)), **BRIEF)
    assert job.outcome.symbolic is not None
    assert job.formulas[0]["quantity"] == "log-odds"
    assert job.formulas[0]["r2"] > 0.5
    shortest = float(job.formulas[0]["pareto"][0]["expression"])
    share = np.mean(job.data.training.y)
    assert shortest == pytest.approx(np.log(share / (1 - share)), abs=0.01)


def test_three_classes_without_a_formula_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kan_engine.search.model_search.find_formulas_of_classes", lambda found, _: found)
    job = run(table_of(a=A, b=B, y=labels(3)), **BRIEF)
    assert job.outcome.symbolic is None
    assert "no useful formula was found" in " ".join(job.record["warnings"])


def test_three_classes_have_formulas_however_little_time_there_is() -> None:
    table = table_of(a=A, b=B, y=labels(3))
    done = run_pipeline(table, request_for(**BRIEF), JobCallbacks(should_stop=lambda: True))
    assert done.symbolic is not None
    assert [output.name for output in done.symbolic.outputs] == ["low", "mid", "top"]
    assert max(output.log_loss or np.inf for output in done.symbolic.outputs) < 0.5
    assert "the search for formulas" in " ".join(done.record.warnings)


def test_a_search_that_had_time_is_not_said_to_be_cut(three: Job) -> None:
    assert "the search for formulas" not in " ".join(three.record["warnings"])


def test_a_class_whose_best_formula_fails_on_the_hold_out_rows_keeps_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beyond = apply_function("log", add(Variable("a"), -1e6))  # undefined at every row
    best = Candidate(beyond, 0.1, bits=-1e9)
    monkeypatch.setattr(LogOddsCurves, "propose", lambda *_: iter([best]))
    job = run(table_of(a=A, b=B, y=labels(3)), **BRIEF)
    assert [formula["name"] for formula in job.formulas] == ["low", "mid", "top"]
    assert all("000000" not in formula["expression"] for formula in job.formulas)


def test_balanced_classes_are_found_more_often_if_they_are_rare() -> None:
    y = np.where(A + 0.5 * RNG.normal(size=ROWS) > 2.0, "rare", "usual").tolist()
    recalls = [
        run(table_of(a=A, y=y), **BARE | {"training": {"steps": 5, "class_weight": weight}}).record[
            "training_metrics"
        ]
        for weight in (None, "balanced")
    ]
    assert recalls[1]["balanced_accuracy"] > recalls[0]["balanced_accuracy"]


# --- Figures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "outputs"), [("law", ["y"]), ("binary", ["mid"]), ("three", ["low", "mid", "top"])]
)
def test_numbers_for_pictures_are_those_of_the_model(
    request: pytest.FixtureRequest, job: str, outputs: list[str]
) -> None:
    done: Job = request.getfixturevalue(job)
    figures = done.outcome.figures
    assert figures is not None
    assert figures["rows"] == len(done.data.test)
    assert [curve["output"] for curve in figures["effects"][0]["curves"]] == outputs
    error = "rmse" if done.predictor.classes is None else "log_loss"
    assert figures["importance"]["error"] == pytest.approx(done.record["metrics"][error])
    read = {effect["name"] for effect in figures["effects"]}
    assert read == {feature.name for feature in done.data.encoding.features} - done.predictor.unused


# --- Columns, rows, weights ------------------------------------------------------------------------------


def test_missing_values_and_categories_are_learnt_from() -> None:
    color = [None if i % 10 == 0 else ["red", "green", "blue"][i % 3] for i in range(ROWS)]
    number = [None if i % 7 == 0 else float(a) for i, a in enumerate(A)]
    effect = np.array([{"red": 1.0, "green": -1.0}.get(c, 0.0) for c in color])  # type: ignore[arg-type]
    gap = np.array([5.0 if n is None else n for n in number])
    job = run(table_of(a=number, c=color, y=gap + effect), **BARE | {"prune": False})
    assert job.record["metrics"]["r2"] > 0.99
    assert job.outcome.edges["inputs"] == [
        "a",
        "a is missing",
        "c is blue",
        "c is green",
        "c is red",
        "c is missing",
    ]
    features = job.record["features"]
    assert [feature["categories"] for feature in features] == [None, ["blue", "green", "red"]]
    assert [feature["has_missing"] for feature in features] == [True, True]
    assert job.outcome.figures is not None
    effects = {effect["name"]: effect for effect in job.outcome.figures["effects"]}
    colours = dict(zip(effects["c"]["values"], effects["c"]["curves"][0]["mean"], strict=True))
    assert colours["red"] - colours["green"] == pytest.approx(2, abs=0.1)
    assert colours[None] - colours["blue"] == pytest.approx(0, abs=0.1)
    assert [feature["fill"] for feature in features] == [job.predictor.encoding.features[0].fill, None]


def test_rows_without_weight_are_not_learnt_from() -> None:
    wrong = np.arange(ROWS) % 3 == 0
    y = np.where(wrong, 100.0, A)
    job = run(table_of(a=A, w=np.where(wrong, 0.0, 1.0), y=y), **BARE, weight="w")
    np.testing.assert_allclose(job.predictor.predict({"a": A}), A, atol=0.05)  # a coarse grid fits a line


@pytest.mark.parametrize(
    ("split", "held"),
    [
        ({"kind": "random", "test_fraction": 0.5}, 60),
        ({"kind": "tail", "test_fraction": 0.1}, 12),
        ({"kind": "column", "column": "s", "test": ["t"]}, 30),
        ({"kind": "none"}, 0),
    ],
)
def test_as_many_rows_are_held_out_as_the_split_says(split: dict[str, Any], held: int) -> None:
    table = table_of(a=A, s=["t", "u", "u", "u"] * 30, y=A)
    job = run(table, **BARE, split=split)
    assert job.record["split"]["test_rows"] == held
    assert job.record["split"]["training_rows"] + job.record["split"]["validation_rows"] == ROWS - held
    assert (job.record["metrics"]["rmse"] is None) == (held == 0)


def test_without_hold_out_rows_formulas_are_rated_on_the_training_rows() -> None:
    job = run(table_of(a=A, y=A**2), split={"kind": "none"}, baselines=False)
    assert job.outcome.symbolic is not None
    assert job.outcome.symbolic["measured_on"] == "training"
    assert job.formulas[0]["rmse"] < 1e-12


def test_a_classifier_without_hold_out_rows_has_no_metrics() -> None:
    job = run(table_of(a=A, y=labels(2)), **BARE, split={"kind": "none"})
    assert set(job.record["metrics"].values()) == {None}
    assert job.record["per_class"] == {}


def test_columns_that_were_left_out_are_told() -> None:
    job = run(table_of(a=A, flat=[1.0] * ROWS, y=A), **BARE)
    assert job.record["warnings"] == ["column 'flat' is left out: it is constant"]


# --- Cuts ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[A * B - 1, labels(3)], ids=["regression", "classification"])
def stopped(request: pytest.FixtureRequest) -> Job:
    return run(table_of(a=A, b=B, y=request.param), should_stop=lambda: True)


def test_a_job_that_is_stopped_at_once_still_gives_a_model(stopped: Job) -> None:
    assert stopped.outcome.cut_by is not None
    assert len(stopped.predictor.predict({"a": A, "b": B})) == ROWS
    assert stopped.outcome.symbolic is not None
    (warning,) = [each for each in stopped.record["warnings"] if each.endswith("increase max_seconds")]
    assert "the search for a network of few curves" in warning


def test_a_cut_network_is_no_checkpoint(stopped: Job) -> None:
    assert stopped.checkpoints == []


def test_the_stage_that_was_cut_is_the_first_in_which_a_stop_was_seen() -> None:
    stages: list[str] = []
    outcome = stored(
        run_pipeline(
            additive_table(),
            request_for(**BARE),
            JobCallbacks(
                report=lambda progress: stages.append(progress.stage),
                should_stop=lambda: "baselines" in stages,
            ),
        )
    )
    assert outcome.cut_by is None  # nothing was asked for that could be cut
    stages.clear()
    outcome = stored(
        run_pipeline(
            additive_table(),
            request_for(**BARE),
            JobCallbacks(
                report=lambda progress: stages.append(progress.stage),
                should_stop=lambda: "train" in stages,
            ),
        )
    )
    assert outcome.cut_by == "train"


# --- What is stored --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["law", "binary", "three"])
def test_what_is_told_of_a_model_is_json_without_nan(name: str, request: pytest.FixtureRequest) -> None:
    outcome = request.getfixturevalue(name).outcome
    told = [outcome.record, outcome.symbolic, outcome.edges]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@pytest.mark.parametrize("name", ["binary", "three"])
def test_a_resumed_classifier_is_the_same(name: str, request: pytest.FixtureRequest) -> None:
    job: Job = request.getfixturevalue(name)
    resumed = run(job.table, resume=job.checkpoints[0], **job.body)
    assert resumed.outcome.artifact == job.outcome.artifact
    assert resumed.record["history"] == job.record["history"]
    assert resumed.outcome.symbolic == job.outcome.symbolic
