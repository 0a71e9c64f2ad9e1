"""Jobs for densities, from a table to a model: the law that is named, what is measured, what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import InvalidData, Variable, evaluate, from_json, load
from kan_engine.density.distributions import candidate_families
from kan_engine.density.kernel import KernelDensity
from kan_engine.density.maximum_likelihood import confidence_intervals, fit_family
from kan_engine.density.thresholds import DEFAULT_DENSITY
from kan_engine.density.weighted_values import WeightedValues
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from tests.support.stored import StoredOutcome, stored
from tests.support.tables import table_of
from worker.data.density_rows import DensityRows, read_density_rows
from worker.pipelines.tabular import run_pipeline
from worker.pipelines.thresholds import PipelineThresholds

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_suggestions")]

RNG = np.random.default_rng(11)
HEIGHTS = RNG.normal(172, 7, 600)
LAWS = list(
    candidate_families(WeightedValues.from_weights(np.linspace(0.01, 0.99, 99), np.ones(99)), (0.0, 1.0))
)


# Few penalties: of a density of one column each is tried on eight grids and five parts of the rows
FEW = PipelineThresholds(density=replace(DEFAULT_DENSITY, lambs=DEFAULT_DENSITY.lambs[::4], lamb_patience=1))


def request(*columns: str, **body: Any) -> TrainRequest:
    return TrainRequest.model_validate(
        {"dataset_id": "d", "task": "density", "features": list(columns), **body}
    )


def run(columns: dict[str, Any], **body: Any) -> StoredOutcome:
    return stored(run_pipeline(table_of(**columns), request(*columns, **body), thresholds=FEW))


@pytest.fixture(scope="module")
def heights() -> StoredOutcome:
    return run({"height": HEIGHTS})


def read_rows(table: StoredTable, asked: TrainRequest) -> DensityRows:
    return read_density_rows(table, asked, FEW.min_distinct_share, FEW.density)


def law_of(outcome: StoredOutcome) -> dict[str, Any]:
    assert outcome.symbolic is not None
    law: dict[str, Any] = outcome.symbolic["outputs"][0]["law"]
    return law


def test_a_normal_column_is_named_with_intervals_that_hold_its_parameters(heights: StoredOutcome) -> None:
    law = law_of(heights)
    mean, std = law["parameters"]
    assert (law["name"], law["level"]) == ("normal", 0.95)
    assert mean["low"] < 172 < mean["high"]
    assert std["low"] < 7 < std["high"]
    assert mean["standard_error"] == pytest.approx(7 / 480**0.5, rel=0.1)


def test_the_formula_is_the_density_of_the_law(heights: StoredOutcome) -> None:
    assert heights.symbolic is not None
    output = heights.symbolic["outputs"][0]
    at = np.array([165.0, 172.0, 180.0])
    mean, std = (entry["value"] for entry in output["law"]["parameters"])
    bell = np.exp(-0.5 * ((at - mean) / std) ** 2) / (std * (2 * np.pi) ** 0.5)
    assert evaluate(from_json(output["tree"]), {"height": at}) == pytest.approx(bell, rel=1e-12)
    assert (output["name"], output["quantity"], output["rmse"]) == ("p(height)", "density", None)


def test_a_density_is_measured_by_its_likelihood_beside_law_and_kernel(heights: StoredOutcome) -> None:
    record = heights.record
    kernel = record["baselines"]["kernel"]["metrics"]["mean_log_likelihood"]
    truth = -0.5 * np.log(2 * np.pi * np.e * 49)
    assert record["metrics"]["mean_log_likelihood"] == pytest.approx(truth, abs=0.2)
    assert record["metrics"]["law_mean_log_likelihood"] == pytest.approx(truth, abs=0.2)
    assert kernel == pytest.approx(truth, abs=0.25)
    assert record["split"]["test_rows"] == 120


def test_the_model_predicts_the_density(heights: StoredOutcome) -> None:
    predictor = load(heights.artifact)
    places = np.linspace(100, 250, 3_001)
    p = predictor.predict({"height": places})
    assert (heights.task, predictor.task, predictor.target) == ("density", "density", "p(height)")
    assert p.min() >= 0
    assert np.trapezoid(p, places) == pytest.approx(1, abs=1e-3)


def test_figures_have_a_curve_a_law_and_a_histogram_of_one_column(heights: StoredOutcome) -> None:
    assert heights.figures is not None
    told = heights.figures["density"]
    assert len(told["density"]) == len(told["law_density"]) == len(told["axes"][0])
    assert len(told["edges"]) == len(told["bars"]) + 1
    assert np.dot(told["bars"], np.diff(told["edges"])) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("exponential", RNG.exponential(2, 800)),
        ("gamma", RNG.gamma(3, 2, 800)),
        ("log-normal", RNG.lognormal(1, 0.7, 800)),
        ("uniform", RNG.uniform(1, 4, 800)),
        ("beta", RNG.beta(2, 2, 3_000)),
        ("Laplace", RNG.laplace(3, 2, 2_000)),
        ("logistic", RNG.logistic(3, 2, 1_500)),
        ("Cauchy", RNG.standard_cauchy(800)),
        ("Gumbel of maxima", RNG.gumbel(0, 1, 800)),
        ("Gumbel of minima", -RNG.gumbel(0, 1, 800)),
        ("Weibull", 3 * RNG.weibull(2.5, 1_500)),
        ("mixture of two normal laws", np.concatenate([RNG.normal(-2, 0.5, 300), RNG.normal(2, 1, 500)])),
        ("Student t", RNG.standard_t(4, 3_000)),
    ],
)
def test_the_law_of_a_column_is_named(name: str, values: np.ndarray) -> None:
    assert law_of(run({"x": values}, baselines=False))["name"] == name


def test_what_follows_no_law_has_no_formula_and_says_why() -> None:
    steps = np.concatenate([RNG.uniform(0, 1, 300), RNG.uniform(4, 5, 200), RNG.uniform(7, 7.5, 400)])
    outcome = run({"x": steps}, baselines=False)
    assert outcome.symbolic is None
    assert any("was rejected" in warning for warning in outcome.record["warnings"])


def test_without_symbolic_no_law_is_looked_for() -> None:
    outcome = run({"x": HEIGHTS[:100]}, symbolic=False, baselines=False)
    assert (outcome.symbolic, outcome.record["baselines"], outcome.record["warnings"]) == (None, {}, [])


def test_two_columns_with_a_correlation_are_bivariate_normal() -> None:
    u, v = np.random.default_rng(4).normal(size=(2, 250))
    outcome = run({"a": u, "b": 0.8 * u + 0.6 * v}, network={"grid": 5, "hidden": [3]})
    law = law_of(outcome)
    correlation = law["parameters"][-1]
    assert law["name"] == "bivariate normal"
    assert correlation["low"] < 0.8 < correlation["high"]
    assert outcome.record["outputs"] == ["p(a, b)"]
    assert outcome.figures is not None
    assert np.shape(outcome.figures["density"]["density"]) == (61, 61)
    assert len(outcome.record["history"]) > 0


def test_independent_columns_have_a_product_of_laws() -> None:
    rng = np.random.default_rng(6)
    columns = {"wait": rng.exponential(2, 250), "size": rng.normal(0, 1, 250)}
    outcome = run(columns, network={"grid": 5, "hidden": []}, baselines=False)
    law = law_of(outcome)
    assert law["name"] == "exponential and normal, independent"
    assert law["support"] == {"wait": [0.0, None], "size": [None, None]}


def test_rows_without_a_value_or_weight_are_left_out() -> None:
    values = [*HEIGHTS[:100].tolist(), None, 170.0]
    rows = read_rows(table_of(x=values, w=[1.0] * 101 + [0.0]), request("x", weight="w"))
    assert len(rows.training) + len(rows.test) == 100
    assert "2 rows with a missing value or the weight 0" in rows.warnings[0]


def test_a_rounded_column_is_told_to_be_one_of_steps() -> None:
    rows = read_rows(table_of(x=HEIGHTS.round(0)), request("x"))
    assert "discrete or rounded" in rows.warnings[0]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InvalidData, match="needs at least 20"):
        read_rows(table_of(x=HEIGHTS[:22]), request("x"))


def test_a_column_that_is_constant_where_it_is_learnt_from_is_refused() -> None:
    table = table_of(x=[1.0] * 40 + [2.0] * 10)
    with pytest.raises(InvalidData, match="is constant over"):
        read_rows(table, request("x", split={"kind": "tail", "test_fraction": 0.2}))


def test_two_columns_on_a_line_are_refused() -> None:
    with pytest.raises(InvalidData, match="are collinear"):
        read_rows(table_of(x=HEIGHTS, y=2 * HEIGHTS + 1), request("x", "y"))


def test_a_column_can_tell_the_hold_out_rows() -> None:
    table = table_of(x=HEIGHTS[:60], part=["a"] * 40 + ["b"] * 20)
    split = {"kind": "column", "column": "part", "test": ["b"]}
    rows = read_rows(table, request("x", split=split))
    assert (len(rows.training), len(rows.test)) == (40, 20)


def test_without_hold_out_rows_nothing_is_measured_and_figures_are_of_the_training() -> None:
    outcome = run({"x": HEIGHTS[:100]}, split={"kind": "none"})
    assert outcome.record["metrics"]["mean_log_likelihood"] is None
    assert outcome.record["baselines"]["kernel"]["metrics"]["mean_log_likelihood"] is None
    assert outcome.figures is not None
    assert outcome.figures["measured_on"] == "training"


def test_a_steep_gamma_law_can_be_evaluated_as_it_is_printed() -> None:
    law = next(law for law in LAWS if law.name == "gamma")
    at, theta = np.array([160.0, 172.0, 190.0]), np.array([576.0, 0.3])
    printed = evaluate(law.tree(theta, Variable("x")), {"x": at})
    assert printed == pytest.approx(np.exp(law.log_density(theta, at)), rel=1e-9)


def test_of_laws_that_the_rows_do_not_tell_apart_the_most_usual_is_named() -> None:
    names = [law.name for law in LAWS]
    assert names.index("normal") < names.index("gamma") < names.index("Student t")
    rows = np.random.default_rng(2).normal(172, 7, 300)  # of which a gamma law is likelier, by chance
    assert law_of(run({"x": rows}, baselines=False))["name"] == "normal"


def test_a_kernel_estimate_integrates_to_one() -> None:
    kernel = KernelDensity.fit(HEIGHTS[:200, None], np.ones(200))
    places = np.linspace(100, 250, 2_001)
    assert np.trapezoid(np.exp(kernel.log_density(places[:, None])), places) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_is_a_density_with_its_formula_and_shares(law: Any) -> None:
    rows = WeightedValues.from_weights(np.sort(np.random.default_rng(0).beta(2, 3, 300)), np.ones(300))
    found = fit_family(law, rows)
    assert found is not None
    low, high = law.support(found.theta)
    places = np.linspace(max(low, -4) + 1e-9, min(high, 5) - 1e-9, 40_001)
    p = np.exp(law.log_density(found.theta, places))
    share = law.cumulative(found.theta, places)
    assert np.trapezoid(p, places) == pytest.approx(share[-1] - share[0], abs=2e-4)

    printed = evaluate(law.tree(found.theta, Variable("x")), {"x": rows.x})
    assert printed == pytest.approx(np.exp(law.log_density(found.theta, rows.x)), rel=1e-9)
    assert len(confidence_intervals(found, rows)) == len(law.parameters)
