"""From columns to values, labels, probabilities and intervals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.inference import predictor as module
from kan_engine.network.layer import SymbolicEdge
from tests.support.predictors import make_predictor, some_columns


def one_row(**changes: object) -> dict[str, np.ndarray]:
    row = {"x": np.array([0.1]), "n": np.array([7.0])}
    for name, value in ({"b": True, "c": "red"} | changes).items():
        row[name] = np.empty(1, dtype=object)
        row[name][0] = value
    return row


def test_a_prediction_is_the_network_between_two_scales() -> None:
    predictor = make_predictor()
    x = predictor.inputs.forward(predictor.encoding.transform(some_columns()))
    with torch.no_grad():
        z = predictor.network(torch.from_numpy(x)).numpy()[:, 0]
    assert predictor.predict(some_columns()) == pytest.approx(0.5 * z + 2.0, rel=1e-14)


def test_rows_that_are_encoded_already_give_the_same() -> None:
    predictor = make_predictor()
    encoded = predictor.encoding.transform(some_columns())
    assert predictor.predict(encoded).tolist() == predictor.predict(some_columns()).tolist()


def test_a_transform_of_the_target_is_undone() -> None:
    plain, logarithmic = make_predictor(), make_predictor(transform="log")
    assert logarithmic.predict(some_columns()) == pytest.approx(np.exp(plain.predict(some_columns())))


def test_several_outputs_are_columns() -> None:
    assert make_predictor(outputs=2).predict(some_columns(7)).shape == (7, 2)


def test_blocks_of_rows_change_nothing() -> None:
    whole = make_predictor().predict(some_columns())
    # a sum may be taken in another order for another number of rows
    parted = replace(make_predictor(), block_numbers=100)
    assert parted.predict(some_columns()) == pytest.approx(whole, rel=1e-13)


def test_no_rows_give_no_predictions() -> None:
    nothing = {name: values[:0] for name, values in some_columns().items()}
    assert make_predictor().predict(nothing).shape == (0,)
    assert make_predictor(classes=("a", "b", "c")).probabilities(nothing).shape == (0, 3)


def test_one_output_is_the_log_odds_of_the_second_class() -> None:
    predictor = make_predictor(classes=(False, True))
    odds = np.exp(predictor.raw_outputs(some_columns())[:, 0])
    probabilities = predictor.probabilities(some_columns())
    assert probabilities[:, 1] == pytest.approx(odds / (1 + odds))
    assert probabilities.sum(1) == pytest.approx(1)


def test_many_outputs_are_logits() -> None:
    predictor = make_predictor(classes=("a", "b", "c"))
    weights = np.exp(predictor.raw_outputs(some_columns()))
    assert predictor.probabilities(some_columns()) == pytest.approx(weights / weights.sum(1, keepdims=True))


@pytest.mark.parametrize("classes", [(False, True), (1, 2, 3), (0.5, 1.5), ("no", "yes")])
def test_labels_are_the_likeliest_classes_in_their_own_type(
    classes: tuple[bool | int | float | str, ...],
) -> None:
    predictor = make_predictor(classes=classes)
    labels = predictor.predict(some_columns()).tolist()
    best = predictor.probabilities(some_columns()).argmax(1)
    assert labels == [classes[place] for place in best]
    assert {type(label) for label in labels} == {type(classes[0])}


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_the_second_of_two_classes_is_the_label_above_the_threshold(threshold: float) -> None:
    predictor = replace(make_predictor(classes=("a", "b")), decision_weights=(threshold, 1 - threshold))
    above = predictor.probabilities(some_columns())[:, 1] > threshold
    assert (predictor.predict(some_columns()) == "b").tolist() == above.tolist()
    assert predictor.threshold == pytest.approx(threshold)


def test_of_many_classes_the_one_with_the_largest_weighted_probability_is_the_label() -> None:
    predictor = replace(make_predictor(classes=("a", "b", "c")), decision_weights=(1.0, 2.0, 1e-9))
    p = predictor.probabilities(some_columns())
    expected = np.where(p[:, 0] >= 2 * p[:, 1], "a", "b")
    assert predictor.predict(some_columns()).tolist() == expected.tolist()
    assert predictor.threshold is None


def test_without_decision_weights_the_threshold_of_two_classes_is_a_half() -> None:
    assert make_predictor(classes=("a", "b")).threshold == 0.5
    assert make_predictor().threshold is None


def undefined_network() -> torch.nn.Module:
    """A network whose first edge is the logarithm of something negative."""
    network = make_predictor(hidden=()).network
    network.layers[0].symbolic[0, 0] = SymbolicEdge("log", 0.0, -1.0, 1.0, 0.0)
    return network


def test_where_the_network_is_undefined_so_is_the_prediction() -> None:
    predictor = replace(make_predictor(hidden=()), network=undefined_network())
    assert np.isnan(predictor.predict(one_row())).all()


def test_where_the_network_is_undefined_there_is_no_label() -> None:
    predictor = replace(make_predictor(hidden=(), classes=("a", "b")), network=undefined_network())
    assert predictor.predict(one_row()).tolist() == [None]


def test_a_regression_has_no_probabilities() -> None:
    with pytest.raises(InvalidData, match="a number"):
        make_predictor().probabilities(one_row())


@pytest.mark.parametrize(("level", "margin"), [(0.9, 0.91), (0.99, 0.99), (0.5, 0.5), (0.001, 0.01)])
def test_the_margin_is_a_quantile_of_the_validation_residuals(level: float, margin: float) -> None:
    assert make_predictor().margin(level) == margin


def test_an_interval_lies_around_its_prediction() -> None:
    predictor = make_predictor()
    values, intervals = predictor.predict(some_columns()), predictor.intervals(some_columns(), 0.8)
    assert intervals == pytest.approx(np.stack([values - 0.8, values + 0.8], 1))


def test_intervals_hold_as_often_as_promised() -> None:
    errors = np.abs(np.random.default_rng(0).standard_t(3, size=20_000))
    margin = replace(make_predictor(), residuals=errors[:1_000]).margin(0.9)
    assert (errors[1_000:] <= margin).mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("rows", [20, 60, 100])
def test_intervals_of_few_residuals_seldom_miss_half_as_many_rows_again_as_allowed(rows: int) -> None:
    """Coverage of uniform errors by a margin m is m itself; 0.95 of all models have at least 0.85."""
    errors = np.random.default_rng(rows).uniform(size=(400, rows))
    coverages = [replace(make_predictor(), residuals=part).margin(0.9) for part in errors]
    # The plain order statistic would be below 0.85 in 6 to 18 % of them
    assert np.mean(np.array(coverages) < 0.85) < 0.06
    assert np.mean(coverages) < 0.96


@pytest.mark.parametrize(
    ("predictor", "level", "words"),
    [
        (make_predictor(), 0.995, "at most 0.99$"),
        (make_predictor(), 1.0, "between 0 and 1"),
        (make_predictor(), 0.0, "between 0 and 1"),
        (make_predictor(outputs=2), 0.9, "one number"),
        (make_predictor(classes=("a", "b")), 0.9, "one number"),
        (replace(make_predictor(), residuals=np.zeros(0)), 0.5, "too few"),
    ],
)
def test_an_interval_that_cannot_be_had_is_refused(
    predictor: module.Predictor, level: float, words: str
) -> None:
    with pytest.raises(InvalidData, match=words):
        predictor.intervals(one_row(), level)


def without(*places: int, direct: bool = False) -> module.Predictor:
    """A predictor whose network looks at none of these inputs; 0 is x, 4 to 7 are the category."""
    predictor = make_predictor(direct=direct)
    for place in places:
        predictor.network.layers[0].mask[place] = False
    return predictor


def test_a_feature_that_the_network_reads_must_be_there() -> None:
    row = one_row()
    del row["x"]
    with pytest.raises(InvalidData, match="'x' is absent"):
        make_predictor().predict(row)


def test_a_feature_that_the_network_dropped_may_be_absent_and_changes_nothing() -> None:
    predictor = without(0)
    assert predictor.unused == {"x"}
    row = one_row()
    expected = predictor.predict(row)
    del row["x"]
    assert predictor.predict(row) == expected


def test_a_category_is_read_as_long_as_one_of_its_columns_is() -> None:
    names = [column.feature for column in make_predictor().encoding.names]
    own = [place for place, name in enumerate(names) if name == "c"]
    assert without(*own[1:]).unused == set()
    assert without(*own).unused == {"c"}


def test_a_feature_with_a_direct_edge_is_read() -> None:
    assert without(0, direct=True).unused == set()


def test_a_feature_that_leads_only_to_a_dead_node_is_not_read() -> None:
    predictor = make_predictor()
    first, second = predictor.network.layers
    first.mask[0] = torch.tensor([True, False, False])
    second.mask[0] = False
    assert predictor.unused == {"x"}


def test_values_unlike_the_training_rows_are_reported_for_features_that_are_read() -> None:
    row = one_row(c="purple") | {"x": np.array([99.0])}
    assert make_predictor().find_unseen_values(row) == [(0, "x"), (0, "c")]
    assert without(0).find_unseen_values(row) == [(0, "c")]


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": make_predictor().inputs.fit(np.zeros((1, 2)))},
        {"outputs": None},
        {"classes": ("a", "b")},
        {"outputs": make_predictor(outputs=2).outputs},
        {"outputs": None, "classes": ("a", "b", "c")},
        {"outputs": None, "classes": ("a", "a")},
        {"outputs": None, "classes": ("a",)},
        {"decision_weights": (0.5, 0.5)},
        {"residuals": np.array([-1.0])},
        {"residuals": np.array([np.nan])},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig):
        replace(make_predictor(), **change)
