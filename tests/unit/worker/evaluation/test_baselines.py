"""Baselines are fitted on the training rows, measured on the others, and can be stopped."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from kan_engine.assessment.metrics import regression_metrics
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.training.thresholds import MlpThresholds
from service.schemas.baselines import MlpBaseline
from tests.support.stored import to_json
from worker.evaluation.baselines import FITS, BaselineTask, FittedEstimator, run_baselines
from worker.evaluation.thresholds import BaselineThresholds

ALL = ("linear", "mlp", "boosting")


# Enough steps for all that is learnt here
FEW_STEPS = BaselineThresholds(mlp=MlpThresholds(lbfgs_steps=300), boosting_rounds=100)


def measure(*args: Any, thresholds: BaselineThresholds = FEW_STEPS, **options: Any) -> dict[str, Any]:
    found = run_baselines(*args, thresholds=thresholds, **options)
    return {name: to_json(fitted) for name, fitted in found.items()}


def rows_of(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> LabelledRows:
    weights = np.ones(len(y)) if weights is None else weights
    return LabelledRows(x, y.astype(float), weights, tuple(f"x{place}" for place in range(x.shape[1])))


def line(rows: int = 200, seed: int = 0) -> LabelledRows:
    """A noiseless plane in two inputs of very different size."""
    x = np.random.default_rng(seed).normal(size=(rows, 2)) * [1, 1_000]
    return rows_of(x, 3 * x[:, 0] - x[:, 1] / 500 + 7)


def blobs(rows: int = 200, seed: int = 0) -> LabelledRows:
    """Three classes in three corners."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 3, rows)
    x = generator.normal(size=(rows, 2)) + np.array([[0, 0], [6, 0], [0, 6]])[kind]
    return rows_of(x, kind)


class StopAfter:
    """Turns true after a number of looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_linear_is_least_squares() -> None:
    train, test = line(seed=0), line(seed=1)
    noisy = rows_of(train.x, train.y + np.random.default_rng(2).normal(size=200))
    predicted = LinearRegression().fit(noisy.x, noisy.y).predict(test.x)
    got = measure(["linear"], noisy, test)["linear"]
    assert got["metrics"] == pytest.approx(regression_metrics(test.y, predicted))
    assert got["parameters"] == 3
    assert got["seconds"] >= 0


@pytest.mark.parametrize("name", ["mlp", "boosting"])
def test_a_flexible_baseline_learns_what_a_line_cannot(name: str) -> None:
    train, test = line(seed=0), line(seed=1)
    curved, held = rows_of(train.x, np.abs(train.x[:, 0])), rows_of(test.x, np.abs(test.x[:, 0]))
    got = measure(["linear", name], curved, held)
    assert got[name]["metrics"]["r2"] > 0.8 > got["linear"]["metrics"]["r2"]
    assert got[name]["parameters"] > 100


def test_every_baseline_tells_clear_classes_apart() -> None:
    got = measure(ALL, blobs(seed=0), blobs(seed=1), classes=("a", "b", "c"))
    assert list(got) == list(ALL)
    assert min(got[name]["metrics"]["accuracy"] for name in ALL) > 0.95


@pytest.mark.parametrize("labels", [(False, True), (1, 2)])
def test_two_classes_of_any_type_are_told_apart(labels: tuple[object, object]) -> None:
    rows = blobs()
    two = rows_of(rows.x, rows.y == 0)
    got = measure(["linear"], two, two, classes=labels)
    assert got["linear"]["metrics"]["roc_auc"] > 0.95
    assert got["linear"]["parameters"] == 3


def test_the_weights_of_classes_change_the_labels_and_hardly_the_probabilities() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4_000, 1))
    y = generator.random(4_000) < 1 / (1 + np.exp(3 - x[:, 0]))
    weights = np.array([1.0, 12.0])
    train, test = (
        rows_of(x[:2_000], y[:2_000], weights[y[:2_000].astype(int)]),
        rows_of(x[2_000:], y[2_000:]),
    )
    plain = measure(["linear"], rows_of(train.x, train.y), test, classes=("no", "yes"))["linear"]["metrics"]
    got = measure(
        ["linear"],
        train,
        test,
        classes=("no", "yes"),
        class_weights=weights,
        decision_weights=tuple(weights.tolist()),
    )["linear"]["metrics"]
    assert got["log_loss"] == pytest.approx(plain["log_loss"], rel=0.05)
    assert got["recall"] > plain["recall"] + 0.3


def test_a_class_that_training_lacks_has_probability_0() -> None:
    rows = blobs()
    got = measure(["linear"], rows[rows.y != 2], rows, classes=("a", "b", "c"))
    assert 0.5 < got["linear"]["metrics"]["accuracy"] < 0.8


@pytest.mark.parametrize("name", ALL)
def test_weightless_rows_do_not_count(name: str) -> None:
    good, bad = line(seed=0), line(seed=1)
    both = rows_of(
        np.vstack([good.x, bad.x]),
        np.append(good.y, -bad.y),
        np.repeat([1.0, 0.0], [len(good.y), len(bad.y)]),
    )
    got = measure([name], both, line(seed=2))
    assert got[name]["metrics"]["r2"] > 0.9


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_metrics(name: str) -> None:
    first, second = (measure([name], blobs(), blobs(seed=1), classes="abc", seed=4) for _ in range(2))
    assert first[name]["metrics"] == second[name]["metrics"]


@pytest.mark.parametrize("classes", [None, ("a", "b", "c")])
def test_without_rows_to_measure_on_a_baseline_has_no_metrics(classes: tuple[str, ...] | None) -> None:
    train = line() if classes is None else blobs()
    got = measure(["linear"], train, train[:0], classes=classes)
    assert set(got["linear"]["metrics"].values()) == {None}


def curve(rows: int, seed: int) -> LabelledRows:
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, 2))
    return rows_of(x, np.exp(np.sin(x[:, 0]) - x[:, 1] ** 2))


def test_an_mlp_of_a_few_hundred_numbers_learns_a_smooth_function_well() -> None:
    asked = MlpBaseline(kind="mlp", parameters=200)
    got = measure([asked], curve(300, 0), curve(300, 1))["mlp_about_200"]
    assert got["metrics"]["rmse"] < 1e-2
    assert got["hidden"] == [12, 12]
    assert got["parameters"] == 205


@pytest.mark.parametrize(
    ("asked", "name", "hidden"),
    [
        ({}, "mlp", [64, 64]),
        ({"hidden": [3, 2, 1]}, "mlp_3x2x1", [3, 2, 1]),
        ({"parameters": "matched"}, "mlp_matched", [5, 5]),
        ({"parameters": 1}, "mlp_about_1", [1, 1]),
    ],
)
def test_an_mlp_has_the_shape_or_the_size_that_was_asked_for(
    asked: dict[str, Any], name: str, hidden: list[int]
) -> None:
    got = measure([MlpBaseline(kind="mlp", **asked)], blobs(40), blobs(40), classes="abc", kan_parameters=60)
    assert list(got) == [name]
    assert got[name]["hidden"] == hidden


def test_an_mlp_stops_where_the_rows_that_judge_like_it_best() -> None:
    noise = np.random.default_rng(3).normal(size=(60, 8))
    train = rows_of(noise, np.random.default_rng(4).normal(size=60))
    got = measure(["mlp"], train, train[:40], fit_count=40)["mlp"]
    assert got["metrics"]["r2"] < 0.5  # of the rows that it was fitted on: it has not learnt them by heart


def test_many_rows_are_learnt_in_batches() -> None:
    batches = BaselineThresholds(mlp=MlpThresholds(max_lbfgs_parameters=1_000))
    asked = MlpBaseline(kind="mlp", hidden=[50, 50])
    got = measure([asked], line(400), line(400, 1), thresholds=batches)["mlp_50x50"]
    assert got["metrics"]["r2"] > 0.99


@pytest.mark.parametrize(("looks", "left"), [(0, ["linear"]), (1, ["linear"]), (9, ["linear"])])
def test_a_job_that_stops_still_fits_the_linear_model(looks: int, left: list[str]) -> None:
    assert list(measure(ALL, line(), line(), should_stop=StopAfter(looks))) == left


def test_boosting_can_be_stopped_between_its_rounds() -> None:
    assert measure(["boosting"], line(), line(), should_stop=StopAfter(3)) == {}


def test_an_input_that_does_not_vary_does_no_harm() -> None:
    rows = line()
    flat = rows_of(np.hstack([rows.x, np.ones((200, 1))]), rows.y)
    assert measure(["linear"], flat, flat)["linear"]["metrics"]["r2"] == pytest.approx(1)


class Mean:
    """Predicts the mean of a standardised target."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


def test_a_baseline_is_one_fit_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit_mean(_: object, task: BaselineTask) -> FittedEstimator:
        return FittedEstimator(Mean(), parameters=1)

    monkeypatch.setitem(FITS, "mean", fit_mean)
    got = measure(["mean"], line(), line())["mean"]

    assert got["metrics"]["r2"] == pytest.approx(0)
    assert got["parameters"] == 1
