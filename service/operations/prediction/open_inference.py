"""The Open Inference Protocol: metadata, inference and statistics of models."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from kan_engine.data.labels import class_name
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model
from service.errors import Invalid, TooLarge, format_names
from service.operations.prediction.open_inference_tensors import (
    NUMBER_DTYPES,
    BinaryTensor,
    ListedTensor,
    NamedTensor,
    describe_binary,
    list_values,
    read_tensors,
)
from service.operations.prediction.predict import load_members
from service.operations.prediction.predictor_cache import PredictorCache
from service.schemas.members import Member, describe_members, select_automatic_member
from service.schemas.open_inference import (
    IndexEntry,
    InferParameters,
    InferRequest,
    ModelMetadata,
    Parameters,
    TensorMetadata,
)

if TYPE_CHECKING:
    from jaxtyping import Shaped

    from kan_engine import Feature, Predictor

    Columns = dict[str, Shaped[np.ndarray, " rows"]]
    Outputs = dict[str, Shaped[np.ndarray, "rows ..."]]

PLATFORM = "pytorch_kan"
DATATYPES = {"number": "FP64", "boolean": "BOOL", "category": "BYTES", "datetime": "BYTES"}
# Kinds of NumPy types
ACCEPTED_DTYPE_KINDS = {"number": "fiu", "boolean": "biu", "category": "Obiu", "datetime": "O"}
PROBABILITIES = "probabilities"


@dataclass
class InferenceCounts:
    """Counts of a model's inference requests in this process."""

    requests: int = 0
    rows: int = 0
    failures: int = 0
    success_ns: int = 0
    failure_ns: int = 0
    last_ms: int = 0


@dataclass
class InferenceStatistics:
    """Counts by model id."""

    by_model: defaultdict[str, InferenceCounts] = field(default_factory=lambda: defaultdict(InferenceCounts))
    lock: Lock = field(default_factory=Lock)

    def add(self, model_id: str, rows: int | None, nanoseconds: int) -> None:
        """Count a request; ``rows`` is None if it failed."""
        with self.lock:
            counts = self.by_model[model_id]
            counts.last_ms = int(time.time() * 1000)
            if rows is None:
                counts.failures += 1
                counts.failure_ns += nanoseconds
            else:
                counts.requests += 1
                counts.rows += rows
                counts.success_ns += nanoseconds


@dataclass(frozen=True)
class InferenceResult:
    """Predictions.

    Attributes:
        by: The member that answers.
        behind: Bytes of the binary tensors, which follow the JSON.
        id: As in the request.
    """

    model_name: str
    model_version: str
    by: Member
    outputs: list[ListedTensor | BinaryTensor]
    behind: list[bytes]
    id: str | None

    def to_json(self) -> bytes:
        """The JSON of the response."""
        identity = {"model_name": self.model_name, "model_version": self.model_version}
        answer = identity | {"parameters": {"by": self.by}, "outputs": self.outputs}
        return orjson.dumps(answer if self.id is None else answer | {"id": self.id})


def find_version(name: str, version: str, sessions: Sessions) -> Model:
    """The version of a named model.

    Raises:
        NotFound: There is no such version.
    """
    with sessions.read() as session:
        return TrainedModels(session).get_version(name, version)


def list_versions(sessions: Sessions) -> list[IndexEntry]:
    """All versions of all models, as in the protocol's repository index."""
    with sessions.read() as session:
        versions = TrainedModels(session).list_versions()
    return [
        IndexEntry(name=name, version=str(version), state="READY", reason="") for name, version in versions
    ]


def describe_model(model: Model, sessions: Sessions) -> ModelMetadata:
    """The inputs, outputs and members of a model, as the protocol's model metadata."""
    with sessions.read() as session:
        members = describe_members(TrainedModels(session).get_by_id(model.id))
    features, record = model.record["features"], model.record
    classes: list[Any] = record.get("classes") or []
    if classes:
        outputs = [
            _describe_tensor(model.target, _find_class_datatype(classes)),
            _describe_tensor(_make_probabilities_name(model.target), "FP64", len(classes)),
        ]
    else:
        outputs = [_describe_tensor(name, "FP64") for name in record["outputs"]]
    return ModelMetadata(
        name=model.name,
        versions=[str(model.version)],
        platform=PLATFORM,
        inputs=[_describe_tensor(feature["name"], DATATYPES[feature["type"]]) for feature in features],
        outputs=outputs,
        parameters={"by": select_automatic_member(members), "members": list(members)}
        | ({"classes": [class_name(label) for label in classes]} if classes else {}),
    )


def _describe_tensor(name: str, datatype: str, *columns: int) -> TensorMetadata:
    return TensorMetadata(name=name, datatype=datatype, shape=[-1, *columns])


def infer(
    model: Model,
    request: InferRequest,
    raw: memoryview,
    sessions: Sessions,
    cache: PredictorCache,
    statistics: InferenceStatistics,
    max_rows: int,
) -> InferenceResult:
    """Predict.

    Raises:
        Conflict: The model does not have the requested member.
        Invalid: The tensors do not fit the inputs of the model.
        TooLarge: They have too many rows.
    """
    start_ns, rows = time.perf_counter_ns(), None
    try:
        by, predictor = load_members(model, sessions, cache).select(_get_parameters(request).by)
        tensors = read_tensors([entry.model_dump() for entry in request.inputs], raw)
        columns = _collect_columns(tensors, predictor, model, max_rows)
        outputs = _predict_outputs(predictor, columns, model)
        result = _build_result(model, by, request, outputs)
        rows = len(next(iter(outputs.values())))
    finally:
        statistics.add(model.id, rows, time.perf_counter_ns() - start_ns)
    return result


@dataclass(frozen=True)
class Duration:
    """Number of requests, and their total time."""

    count: int
    ns: int


@dataclass(frozen=True, kw_only=True)
class ModelStatistics:
    """The counts of a model, in the form of the protocol's statistics extension."""

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    inference_stats: dict[str, Duration]


def report_statistics(model: Model, statistics: InferenceStatistics) -> ModelStatistics:
    """The counts of a model."""
    counts = statistics.by_model[model.id]
    return ModelStatistics(
        name=model.name,
        version=str(model.version),
        last_inference=counts.last_ms,
        inference_count=counts.rows,
        execution_count=counts.requests,
        inference_stats={
            "success": Duration(counts.requests, counts.success_ns),
            "fail": Duration(counts.failures, counts.failure_ns),
        },
    )


def _collect_columns(
    tensors: Sequence[NamedTensor], predictor: Predictor, model: Model, max_rows: int
) -> Columns:
    """Columns by feature, from one tensor for each or from one matrix of all."""
    features = predictor.encoding.features
    by_name = {feature.name: feature for feature in features}
    if len(tensors) == 1 and tensors[0].name not in by_name and tensors[0].values.ndim == 2:
        tensors = _split_matrix(tensors[0], features)
    columns: dict[str, np.ndarray] = {}
    ignored_columns = {model.target, *model.record["ignored_columns"]}
    for tensor in tensors:
        if tensor.name in columns:
            raise Invalid("repeated_input", f"input {tensor.name!r} is given twice; keep one")
        if tensor.name in by_name:
            columns[tensor.name] = _convert_column(tensor, by_name[tensor.name])
        elif tensor.name not in ignored_columns:
            detail = (
                f"the model has no input {tensor.name!r}; it takes {format_names(by_name)}, or one matrix "
                "of all"
            )
            raise Invalid("unknown_columns", detail)
    missing = [name for name in by_name if name not in columns and name not in predictor.unused]
    if missing:
        raise Invalid(
            "missing_columns", f"the model needs the inputs {format_names(missing)}; send a tensor for each"
        )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1 or not next(iter(lengths.values())):
        raise Invalid("unequal_columns", f"all inputs need the same number of rows, at least one: {lengths}")
    rows = next(iter(lengths.values()))
    if rows > max_rows:
        detail = f"{rows} rows are over the limit of {max_rows}; send them in several requests"
        raise TooLarge("too_many_rows", detail, limit=max_rows)
    return columns


def _split_matrix(matrix: NamedTensor, features: Sequence[Feature]) -> list[NamedTensor]:
    """Split a matrix into its columns, one for each feature in order."""
    width = matrix.values.shape[1]
    if width != len(features):
        detail = f"input {matrix.name!r} has {width} columns, the model has {len(features)} features"
        raise Invalid(
            "unequal_columns", f"{detail}; send these in order: {format_names([f.name for f in features])}"
        )
    return [NamedTensor(feature.name, matrix.values[:, place]) for place, feature in enumerate(features)]


def _convert_column(tensor: NamedTensor, feature: Feature) -> Shaped[np.ndarray, " rows"]:
    """The values of a feature: numbers as float64, everything else as Python objects, as in training."""
    # The shape [rows, 1] counts as [rows]: clients send either
    values = tensor.values
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    kind = values.dtype.kind
    if values.ndim != 1:
        raise Invalid(
            "invalid_tensor", f"input {tensor.name!r} needs the shape [rows], got {list(values.shape)}"
        )
    if kind not in ACCEPTED_DTYPE_KINDS[feature.type]:
        detail = f"input {tensor.name!r} needs {DATATYPES[feature.type]}, got {tensor.datatype}"
        raise Invalid("invalid_tensor", detail)
    if feature.type == "number":
        return values.astype(np.float64, copy=False)
    # ``tolist`` gives Python objects, as the categories of training are
    objects = np.empty(len(values), dtype=object)
    objects[:] = values.tolist()
    return objects


def _predict_outputs(predictor: Predictor, columns: Columns, model: Model) -> Outputs:
    if predictor.classes is None:
        values = predictor.predict(dict(columns))
        # One vector for each output, whether there is one or several
        table = values[:, None] if values.ndim == 1 else values
        return {name: table[:, place] for place, name in enumerate(model.record["outputs"])}
    probabilities = predictor.probabilities(dict(columns))
    labels = predictor.labels(probabilities)
    datatype = _find_class_datatype(predictor.classes)
    is_text = datatype == "BYTES" or any(label is None for label in labels)  # no number can represent "none"
    class_labels = labels if is_text else labels.astype(NUMBER_DTYPES[datatype])
    return {model.target: class_labels, _make_probabilities_name(model.target): probabilities}


def _build_result(model: Model, by: Member, request: InferRequest, outputs: Outputs) -> InferenceResult:
    all_binary = bool(_get_parameters(request).binary_data_output)
    options = {output.name: output.parameters or {} for output in request.outputs or ()}
    tensors, buffers = list[ListedTensor | BinaryTensor](), list[bytes]()
    for name, parameters in (options or {name: Parameters() for name in outputs}).items():
        if name not in outputs:
            raise Invalid(
                "unknown_output", f"the model has no output {name!r}; it has {format_names(outputs)}"
            )
        tensor = NamedTensor(name, outputs[name])
        if parameters.get("binary_data", all_binary):
            entry, data = describe_binary(tensor)
            tensors.append(entry)
            buffers.append(data)
        else:
            tensors.append(list_values(tensor))
    return InferenceResult(model.name, str(model.version), by, tensors, buffers, request.id)


def _get_parameters(request: InferRequest) -> InferParameters:
    return request.parameters or InferParameters()


def _find_class_datatype(classes: Sequence[Any]) -> str:
    kinds = set(map(type, classes))
    return "BOOL" if kinds == {bool} else "INT64" if kinds == {int} else "BYTES"


def _make_probabilities_name(target: str) -> str:
    return PROBABILITIES if target != PROBABILITIES else f"{PROBABILITIES} of classes"
