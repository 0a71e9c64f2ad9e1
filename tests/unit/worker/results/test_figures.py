"""Numbers behind the pictures: right where the truth is known, bounded, and the same each time."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from kan_engine import KAN, KANConfig, Predictor, Standardizer, TargetScaler, TrainingData
from kan_engine.assessment.diagnostics import compute_diagnostics
from kan_engine.assessment.partial_dependence import OTHER_CATEGORIES
from kan_engine.network.kan import initialise_
from tests.support.engine.training_rows import prepare_data
from tests.support.stored import to_json
from tests.support.tables import request_for, table_of
from worker.results.figures import compute_figures
from worker.results.thresholds import DEFAULT_FIGURES, FigureThresholds

ROWS = 200
RNG = np.random.default_rng(0)
A, B, IDLE = RNG.uniform(-1, 1, (3, ROWS))
COLOURS = [["red", "green", "blue", None][place] for place in RNG.integers(0, 4, ROWS)]
FLAGS = [[True, False, None][place] for place in RNG.integers(0, 3, ROWS)]
NONE: dict[str, Any] = {"edges": []}


MAX_FEATURES = DEFAULT_FIGURES.max_features


class Straight:
    """A model whose answers are known: 2 a for numbers, and a as log-odds for two classes."""

    unused = frozenset({"idle"})
    decision_weights = None

    def __init__(self, data: TrainingData) -> None:
        self.classes, self.encoding, self.target = data.classes, data.encoding, data.target
        self.network = KAN(KANConfig(width=(len(data.encoding.names), 1)))
        self.asked = 0

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        self.asked += len(encoded)
        return 2 * encoded[:, 0]

    def probabilities(self, encoded: np.ndarray) -> np.ndarray:
        self.asked += len(encoded)
        p = 1 / (1 + np.exp(-4 * encoded[:, 0]))
        if self.classes is not None and len(self.classes) > 2:
            rest = np.outer(1 - p, np.ones(len(self.classes) - 1) / (len(self.classes) - 1))
            return np.column_stack([p, rest])
        return np.column_stack([1 - p, p])


def data_of(y: Any, **body: Any) -> TrainingData:
    columns = {"a": A, "colour": COLOURS, "flag": FLAGS, "idle": IDLE}
    return prepare_data(table_of(**columns, y=y), request_for(**body))


def figures(data: TrainingData, model: Any = None, **options: Any) -> dict[str, Any]:
    return to_json(compute_figures(model or Straight(data), data, NONE, 0, **options))


def effect(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = (each for each in found["effects"] if each["name"] == name)
    return dict(one)


REGRESSION = data_of(2 * A + 0.1 * B)
BINARY = data_of([bool(value > 0) for value in A])
LABELS = [
    ["high", "low", "middle"][0 if value > 0.3 else 1 + (other > 0)]
    for value, other in zip(A, B, strict=True)
]
THREE = data_of(LABELS)


def test_parity_has_the_hold_out_rows_as_they_are() -> None:
    found = figures(REGRESSION)
    assert found["measured_on"] == "hold-out"
    assert found["parity"]["true"] == REGRESSION.test.y.tolist()
    assert found["parity"]["predicted"] == (2 * REGRESSION.test.x[:, 0]).tolist()
    assert found["parity"]["numbers"] == REGRESSION.numbers[-len(REGRESSION.test) :].tolist()
    assert found["confusion"] is found["roc"] is found["reliability"] is None


def test_a_sample_of_the_rows_keeps_their_numbers_in_the_dataset() -> None:
    numbers = REGRESSION.numbers[-len(REGRESSION.test) :]
    model: Any = Straight(REGRESSION)
    parity = compute_diagnostics(model, REGRESSION.test, numbers, 0, max_parity_rows=5).parity
    assert parity is not None
    assert parity.true == [2 * A[number] + 0.1 * B[number] for number in parity.numbers]
    assert len(parity.true) == 5


def test_without_hold_out_rows_those_of_the_training_are_taken_and_it_is_said() -> None:
    found = figures(data_of(2 * A, split={"kind": "none"}))
    assert (found["measured_on"], found["rows"]) == ("training", ROWS)


def test_the_effect_of_a_feature_that_acts_alone_is_its_curve() -> None:
    found = effect(figures(REGRESSION), "a")
    (curve,) = found["curves"]
    assert len(found["values"]) == 41
    for key in ("mean", "low", "high"):
        assert curve[key] == pytest.approx([2 * value for value in found["values"]])
    assert found["deciles"] == pytest.approx(
        np.quantile(REGRESSION.training.x[:, 0], np.linspace(0, 1, 11)).tolist()
    )


def test_the_band_holds_what_other_features_do() -> None:
    found = effect(figures(REGRESSION), "flag")
    sample = 2 * REGRESSION.training.x[:, 0]
    (curve,) = found["curves"]
    assert curve["mean"] == pytest.approx([sample.mean()] * 3)
    assert curve["low"] == pytest.approx([np.quantile(sample, 0.1)] * 3)
    assert curve["high"] == pytest.approx([np.quantile(sample, 0.9)] * 3)


def test_categories_and_truths_have_all_their_values_and_that_they_are_missing() -> None:
    found = figures(REGRESSION)
    colours, flags = effect(found, "colour"), effect(found, "flag")
    assert colours["values"] == ["blue", "green", "red", None]
    assert flags["values"] == [False, True, None]
    for one in (colours, flags):
        assert sum(one["shares"]) == pytest.approx(1)
        assert one["deciles"] is None
    assert colours["shares"][0] == pytest.approx(REGRESSION.training.x[:, 1].mean())


def test_rare_categories_share_a_place() -> None:
    names = [f"town {place % 40}" for place in range(ROWS)]
    data = prepare_data(table_of(a=A, town=names, y=2 * A), request_for())
    assert effect(figures(data), "town")["values"][-1] == OTHER_CATEGORIES


def test_a_feature_that_decides_matters_and_one_that_is_not_read_does_not() -> None:
    found = figures(REGRESSION)["importance"]
    weights = {feature["name"]: feature for feature in found["features"]}
    spread = float(np.std(2 * REGRESSION.test.x[:, 0]))
    assert weights["a"]["mean"] == pytest.approx(2**0.5 * spread, rel=0.25)
    assert weights["a"]["std"] > 0
    assert (weights["idle"]["mean"], weights["idle"]["std"]) == (0.0, 0.0)
    assert weights["colour"]["mean"] == weights["flag"]["mean"] == 0.0
    assert found["features"][0]["name"] == "a"
    assert found["metric"] == "rmse"
    assert "idle" not in [each["name"] for each in figures(REGRESSION)["effects"]]


def test_two_classes_have_one_roc_curve_and_probabilities_of_the_second() -> None:
    found = figures(BINARY)
    true, p = BINARY.test.y.astype(bool), Straight(BINARY).probabilities(BINARY.test.x)[:, 1]
    (curve,) = found["roc"]
    assert curve["class"] == "true"
    assert curve["auc"] == pytest.approx(metrics.roc_auc_score(true, p))
    assert found["confusion"]["counts"] == metrics.confusion_matrix(true, p > 0.5).tolist()
    bins = found["reliability"]
    assert (bins["class"], sum(bins["count"])) == ("true", len(true))
    told = [
        count * share for count, share in zip(bins["count"], bins["observed_share"], strict=True) if count
    ]
    assert sum(told) == pytest.approx(true.sum())
    assert effect(found, "a")["curves"][0]["output"] == "true"
    assert max(effect(found, "a")["curves"][0]["high"]) <= 1
    assert found["importance"]["metric"] == "log_loss"
    assert found["importance"]["error"] == pytest.approx(metrics.log_loss(true, p))


def test_more_classes_have_a_curve_each() -> None:
    found = figures(THREE)
    assert found["confusion"]["classes"] == ["high", "low", "middle"]
    assert [curve["class"] for curve in found["roc"]] == ["high", "low", "middle"]
    assert found["reliability"]["class"] is None
    assert sum(found["reliability"]["count"]) == 3 * len(THREE.test)
    curves = effect(found, "a")["curves"]
    assert [curve["output"] for curve in curves] == ["high", "low", "middle"]
    assert np.sum([curve["mean"] for curve in curves], axis=0) == pytest.approx(1)
    assert {curve["low"] for curve in curves} == {None}


def test_the_same_model_gives_the_same_figures() -> None:
    assert figures(REGRESSION) == figures(REGRESSION)
    assert figures(THREE) == figures(THREE)


def test_answers_that_are_not_numbers_are_kept_apart() -> None:
    class Broken(Straight):
        def probabilities(self, encoded: np.ndarray) -> np.ndarray:
            p = super().probabilities(encoded)
            p[encoded[:, 0] > 0.5] = np.nan
            return p

    found = figures(BINARY, Broken(BINARY))
    assert found["rows"] == int((BINARY.test.x[:, 0] <= 0.5).sum())


def test_who_has_no_time_left_gets_a_tenth_of_the_work() -> None:
    little = FigureThresholds(max_activations=100_000)
    patient, hurried = Straight(REGRESSION), Straight(REGRESSION)
    figures(REGRESSION, patient, thresholds=little)
    found = figures(REGRESSION, hurried, should_stop=lambda: True, thresholds=little)
    assert hurried.asked < 0.7 * patient.asked
    assert {each["name"] for each in found["effects"]} == {"a", "colour", "flag"}


def test_once_time_is_up_further_features_are_left_out() -> None:
    answers = iter([False, False, *[True] * 100])
    found = figures(REGRESSION, should_stop=lambda: next(answers))
    assert found["importance"]["left_out"] == 2
    assert found["effects"] == []


def test_of_very_many_features_those_with_the_strongest_edges_are_looked_at() -> None:
    columns = {f"x{place}": RNG.normal(size=60) for place in range(MAX_FEATURES + 10)}
    data = prepare_data(table_of(**columns, y=columns["x0"]), request_for(network={"hidden": []}))
    edges = [{"layer": 0, "in": place, "score": float(place)} for place in range(len(columns))]
    found = to_json(compute_figures(Straight(data), data, {"edges": edges}, 0))  # type: ignore[arg-type]
    looked_at = {each["name"] for each in found["effects"]}
    assert looked_at == {f"x{place}" for place in range(10, MAX_FEATURES + 10)}
    assert found["importance"]["left_out"] == 10


def test_a_real_network_is_measured_without_being_changed() -> None:
    import torch

    data = REGRESSION
    network = KAN(KANConfig(width=(len(data.encoding.names), 2, 1)))
    initialise_(network, torch.Generator().manual_seed(0))
    inputs, scaler = (
        Standardizer.fit(data.training.x),
        TargetScaler.fit(data.training.y[:, None]),
    )
    predictor: Predictor = Predictor.from_training(data, network, inputs, scaler)
    before = predictor.predict(data.test.x)
    found = figures(data, predictor)
    assert found["parity"]["predicted"] == before.tolist()
    assert predictor.predict(data.test.x).tolist() == before.tolist()


def test_the_distribution_of_every_column_is_kept_those_that_are_used_first() -> None:
    reference = figures(data_of(2 * A))["reference"]
    assert [column["name"] for column in reference["columns"]] == ["a", "colour", "flag", "idle"]
    numbers, colours, flags, _ = reference["columns"]
    assert numbers["cumulative"][-1] == 1.0
    assert sum(colours["shares"]) == pytest.approx(1.0)
    assert sum(flags["shares"]) == pytest.approx(1.0)
    assert 0 < colours["missing"] < 1


def test_a_sample_of_the_training_rows_is_kept_without_the_target() -> None:
    data = data_of(2 * A)
    known = {tuple(row) for row in data.training.x.tolist()}
    background = figures(data)["reference"]["background"]
    assert len(background) == 64
    assert {tuple(row) for row in background} <= known


def test_the_sample_names_rows_of_the_table_by_the_part_that_they_are_in() -> None:
    data = data_of([None, *(2 * A + 0.1 * B)[1:]])  # the first row has no target
    sample = figures(data)["sample"]
    split = len(data.training)
    assert sample["training"] == sorted(data.numbers[:split].tolist())
    assert sample["hold_out"] == sorted(data.numbers[split:].tolist())
    assert sorted(sample["training"] + sample["hold_out"]) == list(range(1, ROWS))


def test_the_sample_of_a_large_table_is_small_and_has_both_parts() -> None:
    sample = figures(REGRESSION, thresholds=FigureThresholds(max_sample_rows=50))["sample"]
    assert len(sample["training"]) + len(sample["hold_out"]) == 50
    assert 1 <= len(sample["hold_out"]) <= 25
