"""Classifiers decide by calibrated probabilities, and by a rule that suits their classes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import KAN, KANConfig, Predictor, Standardizer, TrainingData
from kan_engine.inference.decision_rule import calibrate_on_validation_, choose_decision
from kan_engine.inference.thresholds import DEFAULT_INFERENCE
from tests.support.engine.training_rows import prepare_data
from tests.support.stored import to_json
from tests.support.tables import request_for, table_of
from worker.evaluation.model_metrics import measure_model

ROWS = 3_000
SPLIT = {"kind": "random", "test_fraction": 0.5}


def log_odds(x: np.ndarray, offset: float) -> np.ndarray:
    return 2.5 * x + offset


def prepared(*, offset: float = 0.0, labels: tuple[str, str] = ("no", "yes"), **body: Any) -> TrainingData:
    """Rows of one column x in [-1, 1]; the second label is drawn with these log-odds."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, ROWS)
    is_second = generator.random(ROWS) < 1 / (1 + np.exp(-log_odds(x, offset)))
    y = [labels[int(second)] for second in is_second]
    return prepare_data(table_of(x=x, y=y), request_for(split=SPLIT, **body))


def line(slope: float, offset: float) -> KAN:
    """A network that gives slope · x + offset for x between -1 and 1."""
    network = KAN(KANConfig(width=(1, 1), grid_size=2, order=1))
    network.stack[0].weight.data[0, :-1, 0] = slope * network.stack[0].knots[0, 1:-1] + offset
    return network


def predictor_of(data: TrainingData, network: KAN) -> Predictor:
    return Predictor(
        encoding=data.encoding,
        inputs=Standardizer(np.zeros(1), np.ones(1)),
        network=network,
        outputs=None,
        classes=data.classes,
        target="y",
        residuals=np.zeros(0),
    )


def decided(data: TrainingData, network: KAN) -> tuple[Predictor, dict[str, Any]]:
    predictor = predictor_of(data, network)
    decision = choose_decision(predictor, data)
    predictor = replace(predictor, decision_weights=decision.weights)
    return predictor, to_json(measure_model(predictor, data, decision))


def test_classes_of_like_size_are_decided_for_the_likeliest() -> None:
    predictor, worth = decided(prepared(), line(2.5, 0.0))
    assert (predictor.decision_weights, worth["threshold"]) == (None, 0.5)
    assert worth["decision"]["rule"] == "likeliest"
    assert worth["decision"]["likeliest"]["accuracy"] == worth["metrics"]["accuracy"]


@pytest.mark.parametrize(
    ("offset", "rare", "labels"), [(-2.5, "yes", ("no", "yes")), (2.5, "bad", ("bad", "good"))]
)
def test_a_rare_class_is_called_where_that_promises_its_highest_f1(
    offset: float, rare: str, labels: tuple[str, str]
) -> None:
    predictor, worth = decided(prepared(offset=offset, labels=labels), line(2.5, offset))
    assert worth["decision"]["rule"] == "f1"
    assert f"F1 of {rare!r}" in worth["decision"]["reason"]
    assert worth["decision"]["positive_class"] == labels[1]
    assert 0 < abs(worth["threshold"] - 0.5) < 0.4
    data = prepared(offset=offset, labels=labels)
    likeliest = measure_model(
        replace(predictor, decision_weights=None), data, choose_decision(predictor, data)
    )
    others = likeliest.per_class[rare]["f1"]
    assert others is not None
    assert worth["per_class"][rare]["f1"] > others + 0.05
    assert worth["decision"]["likeliest"]["f1"] == likeliest.metrics["f1"]


def test_metrics_are_those_of_the_labels_that_are_given() -> None:
    data = prepared(offset=-2.5)
    predictor, worth = decided(data, line(2.5, -2.5))
    labels = predictor.predict(data.test.x)
    assert worth["metrics"]["accuracy"] == pytest.approx((labels == data.labels(data.test)).mean())
    called = labels == "yes"
    assert worth["metrics"]["precision"] == pytest.approx((data.labels(data.test)[called] == "yes").mean())
    assert worth["metrics"]["recall"] == pytest.approx(called[data.labels(data.test) == "yes"].mean())
    assert worth["per_class"]["yes"]["recall"] == worth["metrics"]["recall"]
    assert worth["threshold"] == pytest.approx(
        predictor.probabilities(data.test.x)[called, 1].min(), abs=0.01
    )


def test_a_network_that_knows_no_more_than_the_shares_calls_nothing_rare() -> None:
    predictor, worth = decided(prepared(offset=-2.5), line(0.0, -2.0))
    assert (predictor.threshold, worth["decision"]["rule"]) == (0.5, "likeliest")
    (warning,) = worth["warnings"]
    assert "is no higher than that of a constant guess" in warning


def test_a_threshold_that_costs_accuracy_says_so_beside_the_constant_guess() -> None:
    _, worth = decided(prepared(offset=-2.5), line(2.5, -2.5))
    told = worth["decision"]
    assert worth["metrics"]["accuracy"] < told["constant_guess_accuracy"]
    (warning,) = worth["warnings"]
    assert f"{told['constant_guess_accuracy']:.4f}" in warning
    assert f"the likeliest class as label has an accuracy of {told['likeliest']['accuracy']:.4f}" in warning


def test_balanced_classes_are_decided_for_balanced_accuracy() -> None:
    data = prepared(offset=-2.5, training={"class_weight": "balanced"})
    _, worth = decided(data, line(2.5, -2.5))
    share = (data.labels(data.training) == "yes").mean()
    assert worth["decision"]["rule"] == "class_weight"
    assert worth["threshold"] == pytest.approx(share)
    assert worth["metrics"]["balanced_accuracy"] > worth["decision"]["likeliest"]["balanced_accuracy"] + 0.1


def test_class_weights_by_name_decide_as_they_weigh() -> None:
    data = prepared(training={"class_weight": {"yes": 3.0}})
    predictor, worth = decided(data, line(2.5, 0.0))
    assert predictor.threshold == pytest.approx(0.25)
    assert worth["decision"]["weights"] == {"no": 1.0, "yes": 3.0}


@pytest.mark.parametrize("weight", [None, "balanced", {"yes": 7.0}])
def test_calibrated_probabilities_are_those_of_the_data_whatever_classes_weigh(weight: Any) -> None:
    data = prepared(offset=-2.0, training={"class_weight": weight})
    bend = 0.0 if data.class_weights is None else float(np.log(data.class_weights[1] / data.class_weights[0]))
    network = line(5.0, -4.0 + bend)  # twice too sure, and bent as training with these weights bends it
    predictor = predictor_of(data, network)
    calibrate_on_validation_(network, network, predictor.inputs, data, thresholds=DEFAULT_INFERENCE)
    x = np.linspace(-1, 1, 9)[:, None]
    expected = 1 / (1 + np.exp(-log_odds(x[:, 0], -2.0)))
    np.testing.assert_allclose(predictor.probabilities(x)[:, 1], expected, atol=0.06)


def test_rows_count_in_calibration_as_often_as_they_weigh() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, ROWS)
    y = np.where(generator.random(ROWS) < 0.5, "yes", "no")
    weights = np.where(y == "yes", 3.0, 1.0)
    data = prepare_data(table_of(x=x, y=y.tolist(), w=weights), request_for(split=SPLIT, weight="w"))
    network = line(0.0, 0.0)
    calibrate_on_validation_(
        network, network, Standardizer(np.zeros(1), np.ones(1)), data, thresholds=DEFAULT_INFERENCE
    )
    assert predictor_of(data, network).probabilities(np.zeros((1, 1)))[0, 1] == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("told", [500, ROWS])
def test_training_metrics_are_of_a_sample_of_many_rows(told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    wanted = Predictor.probabilities

    def counted(self: Predictor, columns: Any) -> np.ndarray:
        asked.append(len(columns))
        return wanted(self, columns)

    data = prepared()
    predictor = predictor_of(data, line(2.5, 0.0))
    decision = choose_decision(predictor, data)
    monkeypatch.setattr(Predictor, "probabilities", counted)
    worth = to_json(measure_model(predictor, data, decision, max_training_rows=told))
    assert sorted(asked) == sorted([len(data.test), min(told, len(data.training))])
    assert worth["training_metrics"]["log_loss"] == pytest.approx(worth["metrics"]["log_loss"], rel=0.15)
