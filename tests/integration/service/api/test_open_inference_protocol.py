"""Version 2 of the Open Inference Protocol: Triton's own client, and plain JSON as of KServe's clients."""

import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from kan_engine import Predictor
from service.db.session import Sessions
from service.db.tables import Model
from service.errors import Invalid
from service.main import create_app
from service.operations.prediction.open_inference_tensors import (
    NUMBER_DTYPES,
    NamedTensor,
    describe_binary,
    list_values,
    read_tensors,
)
from service.settings import Settings
from tests.support.factories import make_model, make_predictor

X = np.linspace(0, 1, 7)
COLUMNS = {"x1": X, "x2": X**2 - 1}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def predictor() -> Predictor:
    return make_predictor()


@pytest.fixture
def model(sessions: Sessions, predictor: Predictor) -> Model:
    return make_model(sessions, predictor)


@pytest.fixture
def server(settings: Settings) -> Iterator[str]:
    config = uvicorn.Config(create_app(settings), port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def client_of_triton(server: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server) as client:
        yield client


def tensor_of(name: str, values: np.ndarray, datatype: str, *, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def infer(client: TestClient, model: Model, inputs: list[dict[str, Any]], **more: Any) -> httpx.Response:
    return client.post(f"/v2/models/{model.name}/infer", json={"inputs": inputs} | more)


def as_json(columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [len(values)], "datatype": "FP64", "data": values.tolist()}
        for name, values in columns.items()
    ]


def test_triton_s_client_sees_server_and_models(
    client_of_triton: triton.InferenceServerClient, model: Model
) -> None:
    assert client_of_triton.is_server_live()
    assert not client_of_triton.is_server_ready()  # no worker runs
    assert "binary_tensor_data" in client_of_triton.get_server_metadata()["extensions"]
    assert client_of_triton.is_model_ready("law")
    assert client_of_triton.is_model_ready("law", "1")
    assert not client_of_triton.is_model_ready("nothing")
    assert not client_of_triton.is_model_ready("law", "2")
    described = client_of_triton.get_model_metadata("law")
    assert described["inputs"] == [{"name": name, "datatype": "FP64", "shape": [-1]} for name in ("x1", "x2")]
    assert described["outputs"] == [{"name": "y", "datatype": "FP64", "shape": [-1]}]
    assert client_of_triton.get_model_repository_index() == [
        {"name": "law", "version": "1", "state": "READY", "reason": ""}
    ]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("version", ["", "1"])
def test_triton_s_client_predicts_by_columns(
    client_of_triton: triton.InferenceServerClient,
    model: Model,
    predictor: Predictor,
    binary: bool,
    version: str,
) -> None:
    inputs = [tensor_of(name, values, "FP64", binary=binary) for name, values in COLUMNS.items()]
    result = client_of_triton.infer("law", inputs, model_version=version, request_id="mine")
    assert result.get_response()["id"] == "mine"
    np.testing.assert_array_equal(result.as_numpy("y"), predictor.predict(COLUMNS))


@pytest.mark.parametrize("binary", [True, False])
def test_triton_s_client_predicts_by_a_matrix_and_chooses_outputs(
    client_of_triton: triton.InferenceServerClient, model: Model, predictor: Predictor, binary: bool
) -> None:
    matrix = np.stack(list(COLUMNS.values()), 1)
    outputs = [triton.InferRequestedOutput("y", binary_data=binary)]
    result = client_of_triton.infer("law", [tensor_of("input", matrix, "FP64")], outputs=outputs)
    np.testing.assert_array_equal(result.as_numpy("y"), predictor.predict(COLUMNS))


def test_triton_s_client_sends_categories_and_gets_labels(
    client_of_triton: triton.InferenceServerClient, sessions: Sessions
) -> None:
    columns = {"x": [0.0, 1.0, 2.0, 3.0], "kind": ["a", "b", "a", "ü"], "on": [True, False, True, True]}
    predictor = make_predictor(columns, classes=["no", "perhaps", "yes"])
    make_model(sessions, predictor)
    described = client_of_triton.get_model_metadata("law")
    assert [entry["datatype"] for entry in described["inputs"]] == ["FP64", "BYTES", "BOOL"]
    assert described["parameters"]["classes"] == ["no", "perhaps", "yes"]
    arrays_ = {"x": np.array(columns["x"]), **{n: np.array(columns[n], dtype=object) for n in ("kind", "on")}}
    inputs = [
        tensor_of("x", arrays_["x"].astype(np.float32), "FP32"),
        tensor_of("kind", arrays_["kind"], "BYTES"),
        tensor_of("on", arrays_["on"].astype(bool), "BOOL"),
    ]
    result = client_of_triton.infer("law", inputs)
    labels = [label.decode() for label in result.as_numpy("y")]
    assert labels == predictor.predict(arrays_).tolist()
    np.testing.assert_array_equal(result.as_numpy("probabilities"), predictor.probabilities(arrays_))


def test_triton_s_client_is_told_in_words_what_is_wrong(
    client_of_triton: triton.InferenceServerClient, model: Model
) -> None:
    with pytest.raises(InferenceServerException, match="needs the inputs 'x2'"):
        client_of_triton.infer("law", [tensor_of("x1", X, "FP64")])
    with pytest.raises(InferenceServerException, match="there is no model 'nothing'"):
        client_of_triton.get_model_metadata("nothing")


def test_triton_s_client_loads_and_unloads_and_counts(
    client_of_triton: triton.InferenceServerClient, model: Model
) -> None:
    client_of_triton.load_model("law")
    inputs = [tensor_of(name, values, "FP64") for name, values in COLUMNS.items()]
    client_of_triton.infer("law", inputs)
    with pytest.raises(InferenceServerException):
        client_of_triton.infer("law", inputs[:1])
    client_of_triton.unload_model("law")
    client_of_triton.infer("law", inputs)
    (counts,) = client_of_triton.get_inference_statistics("law")["model_stats"]
    assert (counts["inference_count"], counts["execution_count"]) == (14, 2)
    assert counts["inference_stats"]["fail"]["count"] == 1


@pytest.mark.parametrize("nested", [False, True])
def test_plain_json_is_answered_with_plain_json(
    client: TestClient, model: Model, predictor: Predictor, nested: bool
) -> None:
    matrix = np.stack(list(COLUMNS.values()), 1)
    data = matrix.tolist() if nested else matrix.reshape(-1).tolist()
    inputs = [{"name": "rows", "shape": list(matrix.shape), "datatype": "FP64", "data": data}]
    answer = infer(client, model, inputs, id="mine").json()
    assert answer["outputs"] == [
        {"name": "y", "datatype": "FP64", "shape": [7], "data": predictor.predict(COLUMNS).tolist()}
    ]
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("law", "1", "mine")


def test_the_target_may_come_along_and_members_of_extensions_are_passed_over(
    client: TestClient, model: Model
) -> None:
    inputs = as_json(COLUMNS | {"y": X})
    inputs[0]["parameters"] = {"content_type": "np"}
    assert infer(client, model, inputs, parameters={"content_type": "pd"}, more=1).status_code == 200


def test_a_request_without_a_content_type_is_read_as_json(client: TestClient, model: Model) -> None:
    body = b'{"inputs": [{"name": "m", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.25]}]}'
    answer = client.post(f"/v2/models/{model.id}/infer", content=body)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"datatype": "FP128"}, "datatype"),
        ({"shape": [6]}, "data has 7 values"),
        ({"shape": [7, 1, 1]}, "needs the shape"),
        ({"data": ["a"] * 7}, "not of type FP64"),
        ({"data": [True] * 7}, "not of type FP64"),
        ({"datatype": "INT64"}, "not of type INT64"),
        ({"datatype": "UINT8", "data": [300] * 7}, "out of range"),
        ({"datatype": "BYTES", "data": ["a"] * 7}, "needs FP64"),
        ({"name": "x3"}, "no input 'x3'"),
        ({"name": "x2"}, "given twice"),
        ({"shape": [-7]}, "greater than or equal to 0"),
        ({"shape": []}, "at least 1"),
        ({"shape": [1] * 9}, "dimensions"),
        ({"shape": [3], "data": [0.0] * 3}, "same number of rows"),
        ({"parameters": {"binary_data_size": 8}}, "bytes are left"),
        ({"parameters": {"binary_data_size": -1}}, "binary_data_size"),
        ({"parameters": {"binary_data_size": "8"}}, "binary_data_size"),
    ],
)
def test_a_tensor_that_is_not_what_it_says_is_refused_in_words(
    client: TestClient, model: Model, change: dict[str, Any], word: str
) -> None:
    inputs = as_json(COLUMNS)
    inputs[0] |= change
    problem = infer(client, model, inputs).json()
    assert problem["status"] == 422
    assert word in problem["detail"]
    assert problem["error"] == problem["detail"]


@pytest.mark.parametrize("header", ["1000000", "-1", "x", "5", "0", "1"])
def test_a_wrong_length_of_the_json_is_refused(client: TestClient, model: Model, header: str) -> None:
    answer = client.post(
        f"/v2/models/{model.name}/infer",
        content=b'{"inputs": []}' + b"\0" * 100,
        headers={"Inference-Header-Content-Length": header},
    )
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


@given(st.binary(max_size=200), st.integers(0, 250))
def test_any_bytes_behind_the_json_are_tensors_or_a_refusal(raw: bytes, size: int) -> None:
    for datatype in ("FP64", "BYTES", "BOOL"):
        tensor = {"name": "x", "shape": [3], "datatype": datatype, "parameters": {"binary_data_size": size}}
        try:
            (read,) = read_tensors([tensor], memoryview(raw))
        except Invalid:
            continue
        assert read.values.shape == (3,)


@given(
    arrays.arrays(
        st.sampled_from(list(NUMBER_DTYPES.values())),
        arrays.array_shapes(max_dims=3, max_side=4),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
def test_numbers_come_back_as_they_were_sent_in_both_forms(values: np.ndarray) -> None:
    tensor = NamedTensor("x", values)
    described, data = describe_binary(tensor)
    for given_, raw in ((described, data), (list_values(tensor), b"")):
        (read,) = read_tensors([asdict(given_)], memoryview(raw))
        np.testing.assert_array_equal(read.values, values)
        assert read.values.dtype == values.dtype


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_texts_come_back_as_they_were_sent_in_both_forms(texts: list[str]) -> None:
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    tensor = NamedTensor("x", values)
    described, data = describe_binary(tensor)
    for given_, raw in ((described, data), (list_values(tensor), b"")):
        (read,) = read_tensors([asdict(given_)], memoryview(raw))
        assert read.values.tolist() == texts


def test_a_text_that_is_no_utf_8_or_too_long_is_refused() -> None:
    for raw in (struct.pack("<I", 1) + b"\xff", struct.pack("<I", 9) + b"a", b"\x01"):
        tensor = {
            "name": "x",
            "shape": [1],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(raw)},
        }
        with pytest.raises(Invalid):
            read_tensors([tensor], memoryview(raw))


def test_what_is_not_finite_is_null_in_json_and_itself_in_bytes() -> None:
    tensor = NamedTensor("x", np.array([1.0, np.nan, np.inf]))
    assert list_values(tensor).data == [1.0, None, None]
    assert np.frombuffer(describe_binary(tensor)[1])[1:].tolist()[1] == np.inf
