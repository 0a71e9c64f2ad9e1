"""Compact networks survive the bytes of their model; older programs read the rest of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine.errors import ArtifactError
from kan_engine.inference import member_artifact
from kan_engine.inference.artifact import load, save
from kan_engine.inference.predictor import Predictor
from tests.support.artifacts import put_together, taken_apart
from tests.support.compact import make_network, make_path, with_compact
from tests.support.predictors import make_predictor, some_columns

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

KINDS: dict[str, Callable[[], Predictor]] = {
    "regression": make_predictor,
    "quantile scale": lambda: make_predictor(quantile=True),
    "two classes": lambda: replace(make_predictor(classes=(False, True)), decision_weights=(0.2, 0.8)),
    "three classes": lambda: make_predictor(classes=(1, 2, 3)),
}


def compact_of(predictor: Predictor) -> Predictor:
    assert predictor.compact_predictor is not None
    return predictor.compact_predictor


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_compact_network_predicts_the_same_bit_for_bit(kind: str) -> None:
    predictor = with_compact(KINDS[kind](), serves=True)
    twin = load(save(predictor))
    for one, other in ((predictor, twin), (compact_of(predictor), compact_of(twin))):
        assert np.array_equal(one.raw_outputs(some_columns()), other.raw_outputs(some_columns()))
    assert twin.compact is not None
    assert twin.compact.serves


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_with_compact_networks_saves_as_the_same_bytes(kind: str) -> None:
    data = save(with_compact(KINDS[kind]()))
    assert save(load(data)) == data


def test_the_whole_path_survives_with_counts_losses_and_residuals() -> None:
    predictor = with_compact(make_predictor())
    twin = load(save(predictor)).compact
    assert twin is not None
    assert predictor.compact is not None
    assert [(e.curve_count, e.loss) for e in twin.path.networks] == [
        (e.curve_count, e.loss) for e in predictor.compact.path.networks
    ]
    assert twin.residuals.tolist() == predictor.compact.residuals.tolist()


def test_bounds_of_a_compact_network_survive() -> None:
    predictor = make_predictor()
    assert predictor.outputs is not None
    predictor = replace(predictor, outputs=replace(predictor.outputs, bounds=(-1.0, 2.0)))
    outputs = compact_of(load(save(with_compact(predictor)))).outputs
    assert outputs is not None
    assert outputs.bounds == (-1.0, 2.0)


def test_inputs_that_no_compact_network_uses_take_no_space() -> None:
    predictor = with_compact(make_predictor())
    assert predictor.compact is not None
    stored = member_artifact.describe_member("compact", predictor.compact)[1]["compact.networks"]
    dense = sum(
        tensor.numel()
        for entry in predictor.compact.path.networks
        for tensor in entry.network.state_dict().values()
    )
    assert len(stored) < dense / 2


def test_a_model_without_compact_networks_saves_as_before_there_were_any() -> None:
    header = taken_apart(save(make_predictor()))[1]
    assert "compact" not in header


def test_of_a_path_that_is_too_large_the_selected_network_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = with_compact(make_predictor(), place=2)
    monkeypatch.setattr(member_artifact, "MAX_NUMBERS", 200)
    twin = load(save(predictor)).compact
    assert twin is not None
    assert [entry.curve_count for entry in twin.path.networks][-1] == twin.network.curve_count == 3
    assert len(twin.path.networks) < 3


def test_compact_networks_must_be_those_of_the_model() -> None:
    predictor = make_predictor()
    path = make_path(predictor.inputs, predictor.outputs)
    other = replace(path.networks[0], network=make_network(2, 1, 1))
    member = with_compact(predictor).compact
    assert member is not None
    with pytest.raises(ValueError, match="encoding and scale"):
        replace(predictor, compact=replace(member, path=replace(path, networks=(other,)), selected=0))


def change(told: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        told = told[key]
    told[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("selected",), 3),
        (("selected",), "1"),
        (("networks",), []),
        (("networks", 0, "inputs"), [99]),
        (("networks", 0, "inputs"), [0, 0]),
        (("networks", 0, "inputs"), []),
        (("networks", 0, "curves"), 2),
        (("networks", 0, "curves"), -1),
        (("networks", 0, "loss"), "low"),
        (("networks", 0, "header", "width"), [2, 1, 1]),
        (("networks", 0, "header", "width", 1), 10**9),
        (("networks", 0, "header", "width", 1), 2.5),
        (("networks", 0, "header", "grid_sizes"), [3, 3, 10**9]),
        (("networks", 0, "header", "order"), 10**9),
        (("transform",), "cube"),
        (("transform",), None),
        (("bounds",), [2.0, 1.0]),
        (("decision_weights",), [1.0, 2.0]),
    ],
)
def test_a_description_of_compact_networks_that_is_wrong_is_refused(
    path: tuple[Any, ...], value: Any
) -> None:
    outer, header, body = taken_apart(save(with_compact(make_predictor())))
    change(header["compact"], path, value)
    with pytest.raises(ArtifactError):
        load(put_together(outer, header, body))


@pytest.mark.parametrize(
    "lost", ["compact.networks", "compact.inputs", "compact.outputs", "compact.residuals"]
)
def test_compact_networks_without_their_numbers_are_refused(lost: str) -> None:
    outer, header, body = taken_apart(save(with_compact(make_predictor())))
    outer[f"attached.other-{lost}"] = outer.pop(f"attached.{lost}")
    with pytest.raises(ArtifactError):
        load(put_together(outer, header, body))
