"""A model survives its bytes; bytes from elsewhere are refused before they cost anything."""

import pickle
import resource
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kan_engine.errors import ArtifactError
from kan_engine.inference import artifact
from kan_engine.inference.artifact import load, read_attached, read_metadata, save
from kan_engine.inference.predictor import Predictor
from kan_engine.network.kan import resize_grid_
from kan_engine.network.layer import SymbolicEdge
from tests.support.artifacts import put_together, taken_apart
from tests.support.predictors import make_predictor, some_columns

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def pruned_and_partly_symbolic() -> Predictor:
    predictor = make_predictor(direct=True)
    first, second = predictor.network.layers
    first.mask[0, 1] = False
    second.symbolic[1, 0] = SymbolicEdge("sin", 1.5, 0.1, -2.0, 1 / 3)
    resize_grid_(second, 11)
    return predictor


KINDS: dict[str, Callable[[], Predictor]] = {
    "regression": make_predictor,
    "two outputs": lambda: make_predictor(outputs=2, transform="log"),
    "quantile scale": lambda: make_predictor(quantile=True),
    "two classes": lambda: make_predictor(classes=(False, True)),
    "three classes": lambda: make_predictor(classes=(1, 2, 3)),
    "no hidden layer": lambda: make_predictor(hidden=()),
    "pruned, direct, symbolic": pruned_and_partly_symbolic,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_predicts_the_same_bit_for_bit(kind: str) -> None:
    predictor = KINDS[kind]()
    twin = load(save(predictor))
    assert np.array_equal(twin.raw_outputs(some_columns()), predictor.raw_outputs(some_columns()))
    assert np.array_equal(twin.predict(some_columns()), predictor.predict(some_columns()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_saves_as_the_same_bytes(kind: str) -> None:
    data = save(KINDS[kind](), {"b": 1, "a": [2]})
    assert save(load(data), read_metadata(data)) == data


def test_labels_keep_their_type() -> None:
    assert [type(label) for label in load(save(make_predictor(classes=(0.5, 1.0)))).classes or ()] == [
        float
    ] * 2


def test_everything_but_the_network_survives_too() -> None:
    predictor = make_predictor(quantile=True)
    twin = load(save(predictor))
    assert (twin.encoding, twin.target, twin.classes) == (predictor.encoding, "y", None)
    assert twin.margin(0.9) == predictor.margin(0.9)
    assert twin.network.to_header() == predictor.network.to_header()


def test_metadata_travel_with_the_model() -> None:
    assert read_metadata(save(make_predictor(), {"job": "j1"})) == {"job": "j1"}


def test_a_model_without_validation_rows_can_be_saved() -> None:
    assert len(load(save(replace(make_predictor(), residuals=np.zeros(0)))).residuals) == 0


def test_a_description_over_the_limit_is_refused_when_it_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "HEADER_LIMIT", 1_000)
    with pytest.raises(ArtifactError, match="over 1000 bytes"):
        save(make_predictor())


def test_metadata_that_are_no_json_are_refused_when_they_are_saved() -> None:
    with pytest.raises(ValueError, match="JSON"):
        save(make_predictor(), {"loss": float("nan")})


# --- Bytes from elsewhere -------------------------------------------------------------------------


def set_in(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


def assert_refused_cheaply(data: bytes) -> None:
    """Refused as no model, without memory beyond some copies of what was sent."""
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError):
            load(data)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(data) + 2**20
    finally:
        tracemalloc.stop()


class Canary:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert_refused_cheaply(pickle.dumps(Canary(canary), protocol))
    assert not canary.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 8,
        b"\xff" * 64,
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 4) + b"\xff\xfe\x00\x00",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        struct.pack("<Q", 22) + b'{"__metadata__":"text"}'[:22],
        b"PK\x03\x04" + b"\x00" * 100,
    ],
)
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    assert_refused_cheaply(data)


def test_a_header_over_the_limit_is_refused_unread() -> None:
    length = artifact.HEADER_LIMIT + 1
    with pytest.raises(ArtifactError, match="length of a header"):
        load(struct.pack("<Q", length) + b" " * length)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_model_is_refused(share: float) -> None:
    data = save(make_predictor())
    assert_refused_cheaply(data[: int(share * len(data))])


def test_bytes_after_the_model_are_refused() -> None:
    assert_refused_cheaply(save(make_predictor()) + b"\x00")


def test_a_later_format_is_refused_by_its_version() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    with pytest.raises(ArtifactError, match="version 6; this program reads the versions 1, 2, 3, 4, 5"):
        load(put_together(outer, header | {"version": 6}, body))


def test_a_model_of_the_first_format_decides_for_the_likeliest_class() -> None:
    outer, header, body = taken_apart(save(make_predictor(classes=("a", "b"))))
    del header["decision_weights"]
    twin = load(put_together(outer, header | {"version": 1}, body))
    assert (twin.decision_weights, twin.threshold) == (None, 0.5)


def test_a_threshold_survives() -> None:
    predictor = replace(make_predictor(classes=("a", "b")), decision_weights=(0.3, 0.7))
    assert load(save(predictor)).threshold == predictor.threshold == pytest.approx(0.3)


def test_a_header_that_lacks_something_is_refused_by_its_name() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    del header["target"]
    with pytest.raises(ArtifactError, match="lacks 'target'"):
        load(put_together(outer, header, body))


def drop(outer: dict[str, Any], name: str) -> None:
    del outer[name]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda outer: outer["network.layers.0.weight"].update(data_offsets=[0, 8]),
        lambda outer: outer["network.layers.0.weight"].update(
            data_offsets=outer["residuals"]["data_offsets"]
        ),
        lambda outer: outer["residuals"].update(data_offsets=[0, 10**15]),
        lambda outer: outer["residuals"].update(data_offsets=[-8, 784]),
        lambda outer: outer["residuals"].update(dtype="F32", shape=[198]),
        lambda outer: outer["residuals"].update(dtype="I64"),
        lambda outer: outer["residuals"].update(shape=[99, 1]),
        lambda outer: outer["residuals"].update(shape=[]),
        lambda outer: outer["residuals"].update(shape=[10**12]),
        lambda outer: outer["residuals"].update(shape=[2**40, 2**40]),
        lambda outer: outer["residuals"].update(shape="many"),
        lambda outer: outer.update(residuals=None),
        lambda outer: outer.update(extra={"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}),
        lambda outer: drop(outer, "residuals"),
        lambda outer: drop(outer, "network.layers.1.mask"),
        lambda outer: outer.update({"inputs.quantiles": outer["inputs.center"]}),
    ],
)
def test_tensors_other_than_the_header_implies_are_refused(tamper: Callable[[dict[str, Any]], None]) -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    tamper(outer)
    assert_refused_cheaply(put_together(outer, header, body))


def test_overlapping_tensors_are_refused() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    outer["inputs.scale"]["data_offsets"] = outer["inputs.center"]["data_offsets"]
    assert_refused_cheaply(put_together(outer, header, body))


def test_a_crowd_of_empty_tensors_is_refused() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    empty = {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}
    assert_refused_cheaply(put_together(outer | {f"t{i}": empty for i in range(20_000)}, header, body))


def test_so_is_a_crowd_of_attached_ones() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    empty = {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}
    crowd = {f"attached.{i}": empty for i in range(100)}
    assert_refused_cheaply(put_together(outer | crowd, header, body))


def test_attached_numbers_travel_with_the_model() -> None:
    numbers = {"curve": np.array([1.0, np.nan, -np.inf]), "none": np.zeros(0)}
    data = save(make_predictor(), attached=numbers)
    found = read_attached(data)
    assert found.keys() == numbers.keys()
    np.testing.assert_array_equal(found["curve"], numbers["curve"])
    assert save(load(data)) == save(make_predictor())


def test_a_network_that_the_file_does_not_hold_is_refused_without_memory_for_it() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    header["network"] |= {"width": [9, 9_000, 9_000, 1], "grid_sizes": [4, 4, 4]}  # 5.2 GB of weights
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert_refused_cheaply(put_together(outer, header, body))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_bounds_of_answers_are_kept_and_older_programs_are_told_that_there_are_some() -> None:
    free = make_predictor()
    assert free.outputs is not None
    predictor = replace(free, outputs=replace(free.outputs, bounds=(-1.5, 2.5)))
    read = load(save(predictor))
    assert read.outputs is not None
    assert read.outputs.bounds == (-1.5, 2.5)
    assert (taken_apart(save(predictor))[1]["version"], taken_apart(save(free))[1]["version"]) == (4, 2)


@pytest.mark.parametrize("bounds", [None, [1.0], [2.0, 1.0], ["0", "1"], [0, 1]])
def test_bounds_that_are_none_are_refused(bounds: object) -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    header |= {"version": 4, "bounds": bounds}
    with pytest.raises(ArtifactError, match="not a saved model"):
        load(put_together(outer, header, body))


def test_splines_beside_functions_are_kept_and_older_programs_are_told_that_there_are_some() -> None:
    predictor = make_predictor()
    assert predictor.outputs is not None
    predictor = replace(predictor, outputs=replace(predictor.outputs, bounds=(-1.5, 2.5)))
    edge = SymbolicEdge("sin", 1.0, 0.5, 2.0, 0.0, with_spline=True)
    predictor.network.stack[0].symbolic[0, 0] = edge
    read = load(save(predictor))
    assert read.network.stack[0].symbolic[0, 0] == edge
    assert read.outputs is not None
    assert read.outputs.bounds == (-1.5, 2.5)
    assert taken_apart(save(predictor))[1]["version"] == 5
    columns = some_columns(8)
    assert np.array_equal(read.raw_outputs(columns), predictor.raw_outputs(columns))


EDGE = {"layer": 0, "in": 0, "out": 0, "function": "sin", "a": 1, "b": 0, "c": 1, "d": 0}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "1"),
        (("target",), 7),
        (("classes",), ["a", "b"]),
        (("classes",), 3),
        (("decision_weights",), [0.5, 0.5]),
        (("decision_weights",), 3),
        (("transform",), None),
        (("transform",), "eval"),
        (("transform",), []),
        (("metadata",), None),
        (("encoding",), {}),
        (("encoding",), {"features": []}),
        (("encoding", "features", 0), []),
        (("encoding", "features", 0, "min"), "0"),
        (("encoding", "features", 0, "surprise"), 1),
        (("encoding", "features", 0, "type"), "pickle"),
        (("network",), []),
        (("network", "width"), [10**6, 10**6, 1]),
        (("network", "width"), [10**9, 10**9, 1]),
        (("network", "width"), [10**30, 1, 1]),
        (("network", "width"), [9, 3.0, 1]),
        (("network", "width"), [9, True, 1]),
        (("network", "width"), [9, -3, 1]),
        (("network", "width"), [1] * 100_000),
        (("network", "width"), "931"),
        (("network", "grid_sizes"), [10**9, 4]),
        (("network", "grid_sizes"), [4, 0]),
        (("network", "grid_sizes"), [4] * 100_000),
        (("network", "grid_sizes"), [4]),
        (("network", "order"), 10**9),
        (("network", "order"), 3.0),
        (("network", "direct"), True),
        (("network", "groups"), None),
        (("network", "symbolic"), [EDGE | {"function": "__import__"}]),
        (("network", "symbolic"), [EDGE | {"function": ["sin"]}]),
        (("network", "symbolic"), [EDGE | {"in": 99}]),
        (("network", "symbolic"), [EDGE | {"in": -1}]),
        (("network", "symbolic"), [EDGE | {"out": "0"}]),
        (("network", "symbolic"), [EDGE | {"layer": 9}]),
        (("network", "symbolic"), [EDGE | {"a": "nan"}]),
        (("network", "symbolic"), [EDGE | {"d": None}]),
    ],
)
def test_a_header_that_describes_no_model_is_refused_before_it_costs_memory(
    path: tuple[Any, ...], value: object
) -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    set_in(header, path, value)
    assert_refused_cheaply(put_together(outer, header, body))


@pytest.mark.parametrize(
    "classes", [["a", "a", "b"], ["a", "b"], [["a"], "b", "c"], [None, "b", "c"], [1e999, 2, 3]]
)
def test_classes_that_are_no_labels_are_refused(classes: list[Any]) -> None:
    outer, header, body = taken_apart(save(make_predictor(classes=("a", "b", "c"))))
    assert_refused_cheaply(put_together(outer, header | {"classes": classes}, body))


@pytest.mark.parametrize(
    "weights", [[0.5], [0.5, -0.5], [0.5, 0.0], [1e999, 0.5], [True, 0.5], ["1", 0.5], "ab"]
)
def test_decision_weights_that_decide_nothing_are_refused(weights: Any) -> None:
    outer, header, body = taken_apart(save(make_predictor(classes=("a", "b"))))
    assert_refused_cheaply(put_together(outer, header | {"decision_weights": weights}, body))


@pytest.mark.parametrize("header", ["", "[]", "{", '{"version": NaN}', "[" * 50_000])
def test_a_header_that_is_no_json_object_is_refused(header: str) -> None:
    outer, _, body = taken_apart(save(make_predictor()))
    data = put_together(outer, header, body)
    assert_refused_cheaply(data)
    with pytest.raises(ArtifactError):
        read_metadata(data)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("network.layers.0.weight", np.nan),
        ("network.layers.1.weight", np.inf),
        ("network.layers.0.knots", 1e9),
        ("inputs.center", np.nan),
        ("inputs.scale", 0.0),
        ("inputs.scale", -1.0),
        ("inputs.quantiles", 1e9),
        ("outputs.std", 0.0),
        ("outputs.mean", -np.inf),
        ("residuals", np.nan),
        ("residuals", -1.0),
    ],
)
def test_tensors_that_make_no_model_are_refused(name: str, number: float) -> None:
    outer, header, body = taken_apart(save(make_predictor(quantile=True)))
    start = outer[name]["data_offsets"][0]
    assert_refused_cheaply(
        put_together(outer, header, body[:start] + struct.pack("<d", number) + body[start + 8 :])
    )


def test_a_mask_that_is_neither_true_nor_false_is_refused() -> None:
    outer, header, body = taken_apart(save(make_predictor()))
    start = outer["network.layers.0.mask"]["data_offsets"][0]
    assert_refused_cheaply(put_together(outer, header, body[:start] + b"\x02" + body[start + 1 :]))
