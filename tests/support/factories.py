"""Plain functions that make what tests need."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import numpy as np
import torch

import kan_engine
from kan_engine.expressions.evaluation import Expression, complexity, to_json
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.trace import SearchTrace
from kan_engine.network.kan import initialise_
from service.caller import DEFAULT_TENANT, LOCAL_CALLER
from service.db.repositories import Datasets, Jobs, TrainedModels, WebhookDeliveries, WebhookSecrets
from service.db.session import Sessions, clock
from service.db.tables import Dataset, Job, Model
from service.documents.column_report import ColumnReport
from service.storage.blobs import put_bytes

EDGE = {
    "layer": 0,
    "in": 0,
    "to_layer": 1,
    "out": 0,
    "score": 1.0,
    "x": [0.0, 0.5, 1.0],
    "y": [0.0, 0.25, 1.0],
    "function": "x^2",
    "suggestions": [],
}
EDGES = {
    "inputs": ["x1"],
    "outputs": ["y"],
    "width": [1, 1],
    "nodes": [[{"name": "x1"}], [{"name": "y"}]],
    "edges": [EDGE],
}
FIGURES: dict[str, Any] = {
    "measured_on": "hold-out",
    "rows": 3,
    "parity": {"true": [0.0, 0.5, 1.0], "predicted": [0.1, 0.5, 0.9]},
    "confusion": None,
    "roc": None,
    "reliability": None,
    "effects": [
        {
            "name": "x1",
            "type": "number",
            "values": [0.0, 0.5, 1.0],
            "curves": [{"output": "y", "mean": [0.0, 0.5, 1.0], "low": [0.0] * 3, "high": [1.0] * 3}],
            "deciles": [0.1 * place for place in range(11)],
            "shares": None,
        }
    ],
    "importance": {
        "metric": "rmse",
        "error": 0.1,
        "rows": 3,
        "shuffles": 5,
        "features": [{"name": "x1", "mean": 0.5, "std": 0.1}],
        "left_out": 0,
    },
}


def column(name: str, kind: str = "number", **report: Any) -> ColumnReport:
    """The report of a column without anything unusual."""
    usual = {"missing": 0, "distinct": 50, "min": 0.0, "max": 1.0, "mean": 0.5, "std": 0.3, "top": []}
    return ColumnReport(name=name, type=kind, **{**usual, **report})


def make_dataset(
    sessions: Sessions,
    *columns: ColumnReport,
    rows: int = 100,
    content: bytes = b"no table",
    units: dict[str, str] | None = None,
) -> str:
    """A dataset that jobs can refer to; its bytes are a table only if ``content`` is one."""
    with sessions.restrict_to(LOCAL_CALLER).begin() as session:
        dataset = Dataset(
            name="data",
            rows=rows,
            columns=[asdict(report) for report in columns or (column("x"), column("y"))],
            units=units or {},
            warnings=[],
            blob_sha256=put_bytes(session, content),
            created_at=clock(session),
        )
        return Datasets(session).add(dataset).id


def make_job(sessions: Sessions, **fields: Any) -> Job:
    """A queued job."""
    request = fields.pop("request", {"dataset_id": "d", "target": "y"})
    usual = {"kind": "train", "request": request, "request_sha256": "0" * 64, "dataset_id": "d"}
    estimated_seconds = fields.pop("estimated_seconds", None)
    with sessions.restrict_to(LOCAL_CALLER).begin() as session:
        job = Jobs(session).add(**{**usual, **fields})
        job.estimated_seconds = estimated_seconds
        return job


def start_job(sessions: Sessions, job_id: str) -> str:
    """Take a queued job as a worker does; the token that it is held by."""
    with sessions.begin() as session:
        job = Jobs(session).claim(job_id, lease_s=60)
    assert job is not None
    assert job.token is not None
    return job.token


def report_progress(sessions: Sessions, job_id: str, token: str, **data: object) -> None:
    """An event of a job that is held."""
    with sessions.begin() as session:
        jobs = Jobs(session)
        job = jobs.hold(job_id, token)
        assert job is not None
        jobs.record_progress(job, **data)


def finish_job(
    sessions: Sessions, job_id: str, token: str, *, model_id: str = "m", trace: SearchTrace | None = None
) -> None:
    """The end of a job that is held."""
    with sessions.begin() as session:
        job = Jobs(session).succeed(job_id, token, model_id=model_id)
        if trace is not None and job is not None:
            Jobs(session).set_trace(job, trace.to_dict())


def make_delivery(sessions: Sessions) -> str:
    """The message about a job that has ended; its id."""
    with sessions.begin() as session:
        WebhookSecrets(session).rotate(DEFAULT_TENANT, overlap=timedelta())
    job = make_job(sessions, webhook={"url": "https://example.com/hooks", "events": ["succeeded"]})
    finish_job(sessions, job.id, start_job(sessions, job.id))
    with sessions.read() as session:
        return WebhookDeliveries(session).page(limit=1, job_id=job.id)[0].id


def make_predictor(
    columns: Mapping[str, Sequence[Any]] | None = None,
    *,
    hidden: Sequence[int] = (2,),
    classes: Sequence[Any] | None = None,
    outputs: int = 1,
    seed: int = 0,
    types: Mapping[str, str] | None = None,
) -> kan_engine.Predictor:
    """A small network with random activations over these columns; other types are those of their values."""
    columns = columns or {"x1": [0.0, 0.25, 0.5, 0.75, 1.0], "x2": [-1.0, 2.0, 0.0, 1.0, -2.0]}
    arrays = {name: _array(values) for name, values in columns.items()}
    encoding = kan_engine.Encoding.fit(
        arrays, {name: _type(values) for name, values in arrays.items()} | dict(types or {})
    )
    x = encoding.transform(arrays)
    if classes is not None:
        outputs = 1 if len(classes) == 2 else len(classes)
    network = kan_engine.KAN(kan_engine.KANConfig(width=(x.shape[1], *hidden, outputs)))
    initialise_(network, torch.Generator().manual_seed(seed))
    targets = np.linspace(0, 10, 20)[:, None] + np.arange(outputs)
    return kan_engine.Predictor(
        encoding=encoding,
        inputs=kan_engine.Standardizer.fit(x),
        network=network,
        outputs=kan_engine.TargetScaler.fit(targets) if classes is None else None,
        classes=None if classes is None else tuple(classes),
        target="y",
        residuals=np.linspace(0.1, 2.0, 20) if classes is None else np.zeros(0),
    )


def make_symbolic(
    verdict: str, *trees: Expression, quantity: str = "value", names: Sequence[str] = ("y", "z")
) -> dict[str, Any]:
    """What a training job records of these formulas, as far as predictions read it."""
    outputs = [
        {
            "name": name,
            "tree": to_json(tree),
            "expression": to_text(tree),
            "latex": "",
            "symbols": {},
            "quantity": quantity,
            "complexity": complexity(tree),
            "r2": 0.75,
            "rmse": 0.5,
            "max_error": 1e-12,
            "domain": {},
            "pareto": [],
        }
        for name, tree in zip(names, trees, strict=False)
    ]
    return {"exact": verdict == "exact", "verdict": verdict, "outputs": outputs}


def make_model(sessions: Sessions, predictor: kan_engine.Predictor | None = None, **fields: Any) -> Model:
    """A model that predicts, with the record that a training job would give it."""
    predictor = predictor or _usual_predictor()
    features = [
        {"name": f.name, "type": f.type, "min": f.min, "max": f.max} for f in predictor.encoding.features
    ]
    network = predictor.network
    width = list(network.config.width)
    classes = predictor.classes or ()
    outputs = [str(label) for label in classes] if len(classes) > 2 else ["y", "z"][: width[-1]]
    usual = {
        "name": "law",
        "job_id": str(uuid4()),
        "dataset_id": None,
        "task": "classification" if classes else "regression",
        "target": "y",
        "record": {
            "features": features,
            "outputs": outputs,
            "classes": list(classes) or None,
            "network": {"width": width, "grid": 5, "order": 3, "parameters": 1, "edges": network.edge_count},
            "metrics": {},
        },
        "symbolic": None,
        "edges": {},
    }
    with (sessions if sessions.caller else sessions.restrict_to(LOCAL_CALLER)).begin() as session:
        artifact = put_bytes(session, kan_engine.save(predictor))
        return TrainedModels(session).add(**{"artifact_sha256": artifact, **usual, **fields})


@cache
def _usual_predictor() -> kan_engine.Predictor:
    return make_predictor()


def _array(values: Sequence[Any]) -> np.ndarray:
    """Numbers as floats with NaN for None, everything else as objects."""
    if all(type(value) in (int, float, type(None)) for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _type(values: np.ndarray) -> str:
    if values.dtype.kind == "f":
        return "number"
    return "category" if any(isinstance(value, str) for value in values) else "boolean"
