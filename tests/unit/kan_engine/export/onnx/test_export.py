"""The ONNX graph of a model, as onnxruntime runs it: names, types, functions, and what it cannot hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from kan_engine.data.labels import Label
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.errors import NotExportable
from kan_engine.export.onnx import functions
from kan_engine.export.onnx.export import to_onnx
from kan_engine.export.onnx.functions import write_function
from kan_engine.export.onnx.graph import Graph, describe_tensor, serialize_model
from kan_engine.export.probe_rows import probe_columns
from kan_engine.export.verification import largest_difference, predict_rows
from kan_engine.expressions.library import LIBRARY
from kan_engine.inference.predictor import Predictor
from kan_engine.network.layer import SymbolicEdge
from tests.support import factories
from tests.support.predictors import make_predictor
from tests.support.runtimes import run_in_onnxruntime, session_of

MAGNITUDES = np.concatenate([[0.0], 10.0 ** np.arange(-12, 3, 0.25), 1 - 10.0 ** np.arange(-12, 0, 1.0)])
ARGUMENTS = np.concatenate([MAGNITUDES, -MAGNITUDES])


def kinds(data: bytes) -> dict[str, int]:
    graph = onnx.load_from_string(data).graph
    return {put.name: put.type.tensor_type.elem_type for put in [*graph.input, *graph.output]}


@pytest.mark.parametrize("name", LIBRARY)
def test_every_function_of_the_library_has_the_same_digits_as_here(name: str) -> None:
    g = Graph(["u", "f"])
    g.add("Identity", write_function(g, name, "u"), name="f")
    put = [describe_tensor(part, TensorProto.DOUBLE, ["rows"], "") for part in ("u", "f")]
    session = session_of(serialize_model(g, put[:1], put[1:], meaning="", metadata={}))
    (found,) = session.run(None, {"u": ARGUMENTS})
    expected = np.asarray(LIBRARY[name].value(ARGUMENTS))
    defined = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found), defined)
    # Near a pole an argument's last digit moves the value by many; elsewhere nearly every digit counts.
    with np.errstate(invalid="ignore"):
        slope = np.abs(np.asarray(LIBRARY[name].derivative(ARGUMENTS)) * ARGUMENTS)[defined]
    room = 1e-15 * np.where(np.isfinite(slope), slope, 0) + 4e-15 * np.abs(expected[defined])
    room += 1e-15 * np.abs(ARGUMENTS[defined]) if name in ("sigmoid", "silu") else 0  # as here, from tanh
    assert (np.abs(found[defined] - expected[defined]) <= room).all()


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_of_the_target_is_undone(transform: str) -> None:
    predictor = make_predictor(transform=transform)
    rows = probe_columns(predictor.encoding)
    found = run_in_onnxruntime(to_onnx(predictor), predictor, rows)
    assert largest_difference(predictor, predict_rows(predictor, rows), found) < 1e-12


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_answers_within_bounds_are_the_same_in_onnx(transform: str) -> None:
    free = make_predictor(transform=transform)
    assert free.outputs is not None
    predictor = replace(free, outputs=replace(free.outputs, bounds=(0.1, 0.6)))
    rows = probe_columns(predictor.encoding)
    found = run_in_onnxruntime(to_onnx(predictor), predictor, rows)
    assert largest_difference(predictor, predict_rows(predictor, rows), found) < 1e-12
    assert (predictor.predict(rows) == 0.1).any() or (predictor.predict(rows) == 0.6).any()


def test_inputs_are_the_columns_with_their_own_names_and_types() -> None:
    table: dict[str, list[Any]] = {
        "größe": [1.0, None, 2.0],
        "b": [True, False, True],
        "b?": [True, None, False],
        "c": ["x", "y", "x"],
    }
    found = kinds(to_onnx(factories.make_predictor(table)))
    assert found == {
        "größe": TensorProto.DOUBLE,
        "b": TensorProto.BOOL,
        "b?": TensorProto.DOUBLE,
        "c": TensorProto.STRING,
        "value": TensorProto.DOUBLE,
    }


def test_an_output_gives_way_to_a_column_of_its_name() -> None:
    predictor = factories.make_predictor({"value": [0.0, 1.0], "value_": [1.0, 2.0]})
    assert [*kinds(to_onnx(predictor))] == ["value", "value_", "value__"]


def without(predictor: Predictor, *places: int) -> Predictor:
    for layer in predictor.network.all_layers[:1]:
        layer.mask[list(places)] = False
    return predictor


def test_columns_that_the_network_does_not_look_at_are_no_inputs() -> None:
    predictor = without(factories.make_predictor(), 0)
    assert [*kinds(to_onnx(predictor))] == ["x2", "value"]
    rows = probe_columns(predictor.encoding)
    found = run_in_onnxruntime(to_onnx(predictor), predictor, {"x1": rows["x1"], "x2": rows["x2"]})
    assert largest_difference(predictor, predict_rows(predictor, rows), found) < 1e-12


def test_a_constant_still_has_an_input_that_counts_its_rows() -> None:
    predictor = without(factories.make_predictor(), 0, 1)
    rows = probe_columns(predictor.encoding)
    found = run_in_onnxruntime(to_onnx(predictor), predictor, rows)
    assert len(found.numbers) == len(rows["x1"])
    assert largest_difference(predictor, predict_rows(predictor, rows), found) < 1e-12


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        ((False, True), TensorProto.BOOL),
        ((3, 5, 9), TensorProto.INT64),
        ((0.5, 2), TensorProto.DOUBLE),
        (("no", "yes"), TensorProto.STRING),
        ((True, "maybe"), TensorProto.STRING),
        ((2**53 + 1, 0), TensorProto.STRING),
    ],
)
def test_labels_have_the_type_of_the_classes(classes: tuple[Label, ...], kind: int) -> None:
    assert kinds(to_onnx(make_predictor(classes=classes)))["label"] == kind


def test_labels_follow_the_decision_weights() -> None:
    predictor = make_predictor(classes=("a", "b", "c"))
    rows = probe_columns(predictor.encoding)
    always_b = replace(predictor, decision_weights=(1e-9, 1.0, 1e-9))
    assert set(run_in_onnxruntime(to_onnx(always_b), always_b, rows).labels.tolist()) == {"b"}


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_gives_no_number_and_other_rows_do_not_notice(missing: float) -> None:
    predictor = factories.make_predictor(hidden=(3, 2))
    predictor.network.all_layers[1].symbolic[0, 0] = SymbolicEdge("log", 1.0, 0.0, 1.0, 0.0)
    rows = {"x1": np.array([0.5, missing]), "x2": np.array([1.0, 1.0])}
    (first,), (second,) = run_in_onnxruntime(to_onnx(predictor), predictor, rows).numbers
    expected = predictor.predict({name: column[:1] for name, column in rows.items()})
    assert first == pytest.approx(expected[0], rel=1e-12, nan_ok=True)
    assert np.isfinite(second) == (np.isnan(missing) and np.isfinite(expected[0]))


def test_any_number_of_rows_can_be_asked_even_none() -> None:
    predictor = make_predictor(hidden=(12,))
    rows = {name: column[:0] for name, column in probe_columns(predictor.encoding).items()}
    assert run_in_onnxruntime(to_onnx(predictor), predictor, rows).numbers.shape[0] == 0


def test_the_same_model_gives_the_same_bytes() -> None:
    assert to_onnx(make_predictor()) == to_onnx(make_predictor())


def test_the_inputs_tell_units_and_ranges() -> None:
    predictor = factories.make_predictor()
    graph = onnx.load_from_string(to_onnx(predictor, units={"x1": "m/s"})).graph
    assert graph.input[0].doc_string == "a number in m/s, 0.0 to 1.0 in training"


def test_a_function_that_onnx_does_not_have_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(functions.WRITERS, "tan")
    predictor = make_predictor()
    predictor.network.all_layers[0].symbolic[0, 0] = SymbolicEdge("tan", 0.1, 0.0, 1.0, 0.0)
    with pytest.raises(NotExportable, match="ONNX has no tan in float64"):
        to_onnx(predictor)


def test_a_column_without_a_name_cannot_be_an_input() -> None:
    with pytest.raises(NotExportable, match="rename the column"):
        to_onnx(factories.make_predictor({"": [0.0, 1.0]}))
