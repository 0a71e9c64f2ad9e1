"""The network as data: nodes, live edges, curves in the client's units, and ranked functions."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import KAN, Encoding, Standardizer
from kan_engine.drawing.network_curves import describe_edges
from kan_engine.drawing.thresholds import DEFAULT_EDGES, EdgeThresholds
from tests.support.engine.networks import random_network

X = np.random.default_rng(0).uniform([10.0, -3.0], [20.0, -1.0], (200, 2))
ENCODING = Encoding.fit({"a": X[:, 0], "b": X[:, 1]}, {"a": "number", "b": "number"})
INPUTS = Standardizer.fit(X)
# Fitting the library takes longest; tests that are about it turn it on.
NO_SUGGESTIONS = EdgeThresholds(max_suggested_edges=0)
TWO_SUGGESTED = EdgeThresholds(max_suggested_edges=2)


@pytest.fixture(scope="module")
def suggested() -> list[dict[str, Any]]:
    """Edges of a network, two of which get suggestions."""
    edges: list[dict[str, Any]] = portrait(random_network((2, 2, 1)), thresholds=TWO_SUGGESTED)["edges"]
    return edges


def portrait(
    network: KAN,
    inputs: Standardizer = INPUTS,
    outputs: tuple[str, ...] = ("y",),
    thresholds: EdgeThresholds = NO_SUGGESTIONS,
) -> dict[str, Any]:
    return describe_edges(network, inputs, ENCODING, X, outputs, thresholds=thresholds).to_dict()


def edge_of(picture: dict[str, Any], layer: int, i: int, j: int) -> dict[str, Any]:
    return next(e for e in picture["edges"] if (e["layer"], e["in"], e["out"]) == (layer, i, j))


def test_nodes_have_the_names_of_columns_and_outputs_and_hidden_ones_a_number() -> None:
    picture = portrait(random_network((2, 2, 1, 2)), outputs=("low", "high"))
    assert [[node["name"] for node in layer] for layer in picture["nodes"]] == [
        ["a", "b"],
        ["h1,1", "h1,2"],
        ["h2,1"],
        ["low", "high"],
    ]
    assert (picture["inputs"], picture["outputs"], picture["width"]) == (
        ["a", "b"],
        ["low", "high"],
        [2, 2, 1, 2],
    )


def test_all_nodes_but_the_inputs_say_whether_they_add_or_multiply() -> None:
    nodes = portrait(random_network((2, 3, 1), products=2))["nodes"]
    assert [[node.get("operation") for node in layer] for layer in nodes] == [
        [None, None],
        ["sum", "product", "product"],
        ["sum"],
    ]


def test_every_live_edge_is_shown_and_no_pruned_one() -> None:
    network = random_network((2, 2, 1))
    network.layers[0].mask[1, 0] = False
    places = [(e["layer"], e["in"], e["to_layer"], e["out"]) for e in portrait(network)["edges"]]
    assert places == [(0, 0, 1, 0), (0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 2, 0), (1, 1, 2, 0)]


def test_of_too_many_edges_the_strongest_are_shown() -> None:
    network = random_network((2, 2, 1))
    every = sorted(edge["score"] for edge in portrait(network)["edges"])
    few = portrait(network, thresholds=replace(NO_SUGGESTIONS, max_edges=4))
    assert sorted(edge["score"] for edge in few["edges"]) == every[-4:]


def test_direct_edges_lead_from_the_inputs_to_the_last_layer() -> None:
    places = [(e["layer"], e["to_layer"]) for e in portrait(random_network((2, 1, 1), direct=True))["edges"]]
    assert places == [(0, 1), (0, 1), (1, 2), (0, 2), (0, 2)]


@pytest.mark.parametrize("quantile", [False, True])
def test_a_curve_of_the_first_layer_is_drawn_over_the_clients_units(quantile: bool) -> None:
    network, inputs = random_network((2, 1)), Standardizer.fit(X, quantile=quantile)
    curve = edge_of(portrait(network, inputs), 0, 0, 0)
    rows = np.column_stack([curve["x"], np.full(DEFAULT_EDGES.curve_points, -2.0)])
    expected = network.layers[0].postacts(torch.from_numpy(inputs.forward(rows)))[:, 0, 0].detach()
    assert (curve["x"][0], curve["x"][-1]) == (X[:, 0].min(), X[:, 0].max())
    # Between two rows: a line
    np.testing.assert_allclose(curve["y"], expected, atol=0.02 if quantile else 1e-9)


def test_a_curve_of_a_hidden_node_is_drawn_over_what_the_node_gave() -> None:
    network = random_network((2, 1, 1))
    h = network.preacts(torch.from_numpy(INPUTS.forward(X)))[1][:, 0]
    curve = edge_of(portrait(network), 1, 0, 0)
    assert (curve["x"][0], curve["x"][-1]) == pytest.approx((float(h.min()), float(h.max())))


def test_a_layer_is_evaluated_once_for_the_curves_of_all_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    network = random_network((2, 30, 1))
    for layer in network.stack:
        whole = layer.postacts
        monkeypatch.setattr(layer, "postacts", lambda x, f=whole: asked.append(len(x)) or f(x))
    assert len(portrait(network)["edges"]) == 90
    assert asked.count(DEFAULT_EDGES.curve_points) == 2


def test_scores_lie_between_zero_and_one() -> None:
    scores = [e["score"] for e in portrait(random_network((2, 3, 1)))["edges"]]
    assert all(0 <= score <= 1 for score in scores)
    assert max(scores) > 0


def test_only_the_strongest_edges_get_suggestions(suggested: list[dict[str, Any]]) -> None:
    strongest = sorted(suggested, key=lambda e: -e["score"])[:2]
    assert [e for e in suggested if e["suggestions"]] == [e for e in suggested if e in strongest]


def test_each_function_is_suggested_once_and_the_lowest_total_first(suggested: list[dict[str, Any]]) -> None:
    rows = next(e["suggestions"] for e in suggested if e["suggestions"])
    totals = [row["total"] for row in rows]
    assert len({row["function"] for row in rows}) == len(rows) == DEFAULT_EDGES.max_suggestions
    assert totals == sorted(totals)


def test_a_total_weighs_fit_against_complexity_as_pykan_does(suggested: list[dict[str, Any]]) -> None:
    row = next(e["suggestions"][0] for e in suggested if e["suggestions"])
    loss = np.log2(max(1 - row["r2"], 0) + 1e-5)
    assert row["total"] == pytest.approx(0.2 * loss + 0.8 * row["complexity"])


def test_a_picture_that_is_told_to_stop_has_curves_but_no_suggestions() -> None:
    edges = describe_edges(random_network((2, 1)), INPUTS, ENCODING, X, ["y"], lambda: True).edges
    assert [(len(edge.y), edge.suggestions) for edge in edges] == [
        (DEFAULT_EDGES.curve_points, []),
        (DEFAULT_EDGES.curve_points, []),
    ]


def test_a_straight_edge_is_suggested_to_be_a_line() -> None:
    network = random_network((2, 1))
    with torch.no_grad():
        greville = network.layers[0].knots[:, 1:-1].unfold(1, 3, 1).mean(-1)
        network.layers[0].weight[0, :-1, 0] = 5 * greville[0]
        network.layers[0].weight[0, -1, 0] = 0.0
    picture = portrait(network, thresholds=TWO_SUGGESTED)
    best = edge_of(picture, 0, 0, 0)["suggestions"][0]
    assert best["function"] == "x"
    assert best["r2"] == pytest.approx(1)


def test_a_column_that_does_not_vary_in_the_rows_shown_has_a_flat_curve() -> None:
    rows = np.column_stack([X[:, 0], np.full(len(X), -2.0)])
    network = random_network((2, 1))
    described = describe_edges(network, INPUTS, ENCODING, rows, ["y"], thresholds=NO_SUGGESTIONS)
    picture = described.to_dict()
    curve = edge_of(picture, 0, 1, 0)
    assert set(curve["x"]) == {-2.0}
    assert len(set(curve["y"])) == 1
    json.dumps(picture, allow_nan=False)
