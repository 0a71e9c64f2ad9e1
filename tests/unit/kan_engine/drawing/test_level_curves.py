"""Categories, booleans and indicators of missing values as one curve per feature and node."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import KAN, Encoding, Standardizer
from kan_engine.data.scaling import TargetScaler
from kan_engine.drawing.network_curves import describe_edges
from kan_engine.drawing.thresholds import EdgeThresholds
from tests.support.engine.networks import random_network

NO_SUGGESTIONS = EdgeThresholds(max_suggested_edges=0)
RANDOM = np.random.default_rng(0)
COLUMNS = {
    "size": np.where(RANDOM.random(300) < 0.1, np.nan, RANDOM.uniform(1, 9, 300)),
    "kind": RANDOM.choice(np.array(["a", "b", "c", None], dtype=object), 300),
    "side": RANDOM.choice(np.array(["left", "right"], dtype=object), 300),
    "flag": RANDOM.choice(np.array([True, False, None], dtype=object), 300),
}
TYPES = {"size": "number", "kind": "category", "side": "category", "flag": "boolean"}
ENCODING = Encoding.fit(COLUMNS, TYPES)
ENCODED = ENCODING.transform(COLUMNS)
INPUTS = Standardizer.fit(ENCODED)
WIDTH = len(ENCODING.names)


def describe(network: KAN, **options: Any) -> dict[str, Any]:
    described = describe_edges(
        network, INPUTS, ENCODING, ENCODED, ["y"], thresholds=NO_SUGGESTIONS, **options
    ).to_dict()
    json.dumps(described, allow_nan=False)
    return described


def curve_of(picture: dict[str, Any], name: str, to_layer: int = 1, out: int = 0) -> dict[str, Any]:
    (found,) = (
        curve
        for curve in picture["level_curves"]
        if (curve["name"], curve["to_layer"], curve["out"]) == (name, to_layer, out)
    )
    return dict(found)


def predict(network: KAN, **row: Any) -> float:
    """Output of the network for one row; other columns as in the first row."""
    columns = {name: np.array([row.get(name, values[1])], dtype=object) for name, values in COLUMNS.items()}
    z = torch.from_numpy(INPUTS.forward(ENCODING.transform(columns)))
    with torch.no_grad():
        return float(network(z)[0, 0])


def test_a_category_is_one_curve_with_a_value_per_level() -> None:
    levels = curve_of(describe(random_network((WIDTH, 1))), "kind")["levels"]
    assert [(level["level"], level["kind"]) for level in levels] == [
        ("a", "value"),
        ("b", "value"),
        ("c", "value"),
        (None, "missing"),
    ]


@pytest.mark.parametrize(
    ("name", "levels"),
    [("kind", ["a", "b", "c", None]), ("side", ["left", "right"]), ("flag", [False, True, None])],
)
def test_levels_differ_as_the_outputs_of_the_network_do(name: str, levels: list[Any]) -> None:
    network = random_network((WIDTH, 1))
    values = [level["value"] for level in curve_of(describe(network), name)["levels"]]
    outputs = [predict(network, **{name: level}) for level in levels]
    assert np.subtract(values, values[0]) == pytest.approx(np.subtract(outputs, outputs[0]))


def test_levels_of_a_node_that_multiplies_are_the_products_of_their_activations() -> None:
    network = random_network((WIDTH, 1, 1), products=1)
    values = [level["value"] for level in curve_of(describe(network), "kind")["levels"]]
    with torch.no_grad():
        nodes = [
            float(network.stack[0](torch.from_numpy(INPUTS.forward(encode(kind))))[0, 0])
            for kind in ("a", "b", "c", None)
        ]
    assert np.divide(values, values[0]) == pytest.approx(np.divide(nodes, nodes[0]))


def encode(kind: str | None) -> np.ndarray:
    columns = {name: np.array([values[1]], dtype=object) for name, values in COLUMNS.items()}
    return ENCODING.transform(columns | {"kind": np.array([kind], dtype=object)})


def test_rare_categories_share_a_level() -> None:
    values = np.array([f"c{min(number % 30, 26):02d}" for number in range(300)], dtype=object)
    encoding = Encoding.fit({"kind": values}, {"kind": "category"})
    encoded = encoding.transform({"kind": values})
    network = random_network((encoded.shape[1], 1))
    picture = describe_edges(
        network, Standardizer.fit(encoded), encoding, encoded, ["y"], thresholds=NO_SUGGESTIONS
    ).to_dict()
    levels = picture["level_curves"][0]["levels"]
    assert len(levels) == 21
    assert (levels[-1]["level"], levels[-1]["kind"]) == (None, "other")


def test_the_indicator_of_missing_numbers_has_the_levels_false_and_true() -> None:
    levels = curve_of(describe(random_network((WIDTH, 1))), "size is missing")["levels"]
    assert [level["level"] for level in levels] == [False, True]


def test_every_node_has_its_own_curve_of_a_category() -> None:
    picture = describe(random_network((WIDTH, 2, 1), direct=True))
    places = [(c["to_layer"], c["out"]) for c in picture["level_curves"] if c["name"] == "kind"]
    assert places == [(1, 0), (1, 1), (2, 0)]


def test_the_combined_edges_stay_among_the_edges_and_give_the_score() -> None:
    picture = describe(random_network((WIDTH, 1)))
    curve = curve_of(picture, "kind")
    scores = [edge["score"] for edge in picture["edges"] if edge["in"] in curve["in"]]
    assert len(scores) == 4
    assert curve["score"] == pytest.approx(np.linalg.norm(scores))


def test_pruned_columns_are_not_part_of_the_curve() -> None:
    network = random_network((WIDTH, 1))
    first = [column.name for column in ENCODING.names].index("kind is a")
    network.stack[0].mask[first] = False
    curve = curve_of(describe(network), "kind")
    assert first not in curve["in"]
    assert len(curve["levels"]) == 4


def test_very_many_edges_are_not_combined() -> None:
    few = EdgeThresholds(max_suggested_edges=0, max_combined_edges=WIDTH - 1)
    network = random_network((WIDTH, 1))
    assert describe_edges(network, INPUTS, ENCODING, ENCODED, ["y"], thresholds=few).level_curves == []


def test_columns_without_effect_are_named() -> None:
    network = random_network((WIDTH, 1, 1))
    names = [column.feature for column in ENCODING.names]
    for place, name in enumerate(names):
        network.stack[0].mask[place] = name in {"size", "side"}
    assert describe(network)["unused"] == ["kind", "flag"]


def test_outputs_have_the_scale_of_the_target() -> None:
    scaler = TargetScaler("identity", np.array([30.0]), np.array([4.0]))
    output = describe(random_network((WIDTH, 1)), scaler=scaler)["nodes"][-1][0]
    assert output == {"name": "y", "operation": "sum", "scale": 4.0, "offset": 30.0}


def test_means_of_activations_are_those_over_the_rows() -> None:
    network = random_network((WIDTH, 2, 1))
    picture = describe(network)
    with torch.no_grad():
        entering = network.preacts(torch.from_numpy(INPUTS.forward(ENCODED)))
        means = [layer.postacts(h).mean(0) for layer, h in zip(network.stack, entering, strict=True)]
    for edge in picture["edges"]:
        assert edge["mean"] == pytest.approx(float(means[edge["layer"]][edge["in"], edge["out"]]))
