"""A training job without its database: a table and a request in, a model and what is to be told of it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from kan_engine import Predictor, load, read_metadata, save
from service.schemas.jobs import TrainRequest
from service.tables import Table
from worker.baselines import Rows, run_baselines
from worker.decision import Decision, choose_decision
from worker.evaluation import class_name
from worker.fitting import Found, find_network, from_metadata, to_metadata
from worker.formula import symbolic_document
from worker.laws import SURE
from worker.measurement import measure
from worker.outcome import Outcome, Progress
from worker.portrait import portray
from worker.preparation import Prepared, prepare

HISTORY_POINTS = 500


def run_pipeline(
    table: Table,
    request: TrainRequest,
    *,
    report: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bytes | None = None,
    checkpoint: Callable[[bytes], None] = lambda _: None,
) -> Outcome:
    """Prepare, search and train, read the formula, measure.

    Args:
        table: The dataset.
        request: What was asked for.
        report: Called often; the receiver decides what to keep.
        should_stop: Once true, the best network so far is finished and ``cut_by`` names the stage.
        resume: What an earlier run of the same job gave to ``checkpoint``.
        checkpoint: Called with what a later run can resume from, once the network is found.

    Raises:
        InvalidData: The rows cannot be learnt from.
        TrainingDiverged: The loss left the finite numbers.
    """
    watch = _Watch(report, should_stop)
    with watch.stage("prepare", 0.0, "reading the table"):
        data = prepare(table, request)
    if resume is None:
        with watch.stage("train", 0.05, "looking for a structure"):
            found = find_network(data, request, watch.tell, watch.should_stop)
        predictor, decision = _predictor(found, data, request)
        if watch.cut_by is None:
            checkpoint(save(predictor, to_metadata(found) | {"decision": decision and asdict(decision)}))
    else:
        predictor, kept = load(resume), read_metadata(resume)
        found, decision = from_metadata(kept, predictor), kept["decision"] and Decision(**kept["decision"])
    with watch.stage("evaluate", 0.9, "measuring on the hold-out rows"):
        record = _record(found, measure(predictor, data, decision), data, request)
    with watch.stage("symbolic", 0.92, "checking the formula"):
        symbolic = _symbolic(found, predictor, data)
        picture = portray(
            found.network,
            found.inputs,
            data.encoding,
            data.training.encoded,
            _outputs(data, request),
            watch.should_stop,
        )
    with watch.stage("baselines", 0.95, "fitting the baselines"):
        record["baselines"] = _baselines(data, request, predictor.decision_weights, watch.should_stop)
    record["timings"] = watch.seconds
    return Outcome(
        artifact=save(predictor),
        record=record,
        symbolic=symbolic,
        edges=picture,
        task=data.plan.task,
        cut_by=watch.cut_by,
    )


class _Watch:
    """Times the stages, passes progress on, and remembers where the job was cut."""

    def __init__(self, report: Callable[[Progress], None], should_stop: Callable[[], bool]) -> None:
        self._report, self._should_stop, self._now = report, should_stop, "prepare"
        self.seconds: dict[str, float] = {}
        self.cut_by: str | None = None

    @contextmanager
    def stage(self, name: str, fraction: float, message: str) -> Iterator[None]:
        self.tell(name, fraction, message)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)

    def tell(self, stage: str, fraction: float, message: str) -> None:
        self._now = stage
        self._report(Progress(stage, fraction, message))

    def should_stop(self) -> bool:
        if self.cut_by is None and self._should_stop():
            self.cut_by = self._now
        return self.cut_by is not None


def _predictor(found: Found, data: Prepared, request: TrainRequest) -> tuple[Predictor, Decision | None]:
    """The network with all that turns columns into it and it into answers, and how it decides for a label."""
    predictor = Predictor(
        encoding=data.encoding,
        inputs=found.inputs,
        network=found.network,
        outputs=found.scaler,
        classes=data.classes,
        target=request.target,
        residuals=np.zeros(0),
    )
    judged = replace(predictor, network=found.judged)
    if data.classes is not None:
        decision = choose_decision(judged, data)
        return replace(predictor, decision_weights=decision.weights), decision
    residuals = np.abs(judged.predict(data.validation.encoded) - data.validation.y.astype(float))
    residuals = np.sort(residuals) if found.contest is None else found.contest.without_luck(residuals)
    return replace(predictor, residuals=residuals), None


def _record(found: Found, worth: dict[str, Any], data: Prepared, request: TrainRequest) -> dict[str, Any]:
    network = found.network
    return {
        "features": [
            {
                "name": f.name,
                "type": f.type,
                "min": f.min,
                "max": f.max,
                "categories": list(f.categories) or None,
            }
            for f in data.encoding.features
        ],
        "outputs": _outputs(data, request),
        "classes": None if data.classes is None else list(data.classes),
        "network": {
            "width": list(network.config.width),
            "grid": network.stack[0].grid_size,
            "order": network.config.order,
            "products": network.config.products,
            "parameters": network.parameter_count,
            "edges": network.edge_count,
            "direct": network.config.direct,
            "target_transform": found.scaler.transform if found.scaler else "identity",
            "input_scaling": "range" if found.inputs.quantiles is None else "quantiles",
            "optimizer": found.optimizer,
        },
        "formula_of": found.formula_of,
        **worth,
        "split": {
            "kind": request.split.kind,
            "seed": request.split.seed,
            "training_rows": len(data.fit),
            "validation_rows": len(data.validation),
            "test_rows": len(data.test),
        },
        "history": _history(found),
        "warnings": [*data.warnings, *worth["warnings"]],
    }


def _outputs(data: Prepared, request: TrainRequest) -> list[str]:
    """Names of the network's outputs: the target, or the classes where there are more than two."""
    if data.classes is None or len(data.classes) == 2:
        return [request.target]
    return [class_name(label) for label in data.classes]


def _history(found: Found) -> list[dict[str, float]]:
    """Losses per step, thinned to what a plot can show."""
    stride = -(-len(found.history) // HISTORY_POINTS) or 1
    return [
        {"step": s.number, "grid": s.grid_size, "loss": s.loss, "validation_loss": s.validation_loss}
        for s in found.history[::stride]
    ]


def _symbolic(found: Found, predictor: Predictor, data: Prepared) -> dict[str, Any] | None:
    """Formulas rated on the hold-out rows, or on the training rows where nothing is held out.

    A classifier's formulas are those of its log-odds, rated against the network's within the range
    that tells probabilities apart.
    """
    part = data.test if len(data.test) else data.training
    columns = {name: part.encoded[:, place] for place, name in enumerate(data.names)}
    outputs = _outputs(data, data.plan.request)
    if data.classes is None:
        truth = {outputs[0]: part.y.astype(float)}
    else:
        raw = np.clip(predictor.raw(part.encoded), -SURE, SURE)
        truth = {name: raw[:, place] for place, name in enumerate(outputs)}
    if len(found.formulas) != len(outputs):
        return None
    document = symbolic_document(
        dict(zip(outputs, found.formulas, strict=True)),
        columns,
        truth,
        quantity="value" if data.classes is None else "log-odds" if len(outputs) == 1 else "logit",
        is_consistent=found.is_consistent,
        learnt={outputs[0]: data.training.y.astype(float)} if data.classes is None else None,
        seen={name: data.training.encoded[:, place] for place, name in enumerate(data.names)},
        encoding=data.encoding,
    )
    return document and document | {"measured_on": "hold-out" if len(data.test) else "training"}


def _baselines(
    data: Prepared,
    request: TrainRequest,
    decision_weights: tuple[float, ...] | None,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    if not request.baselines:
        return {}
    train, test = data.training, data.test
    return run_baselines(
        request.baselines,
        Rows(train.encoded, train.y, train.weights),
        Rows(test.encoded, test.y),
        classes=data.classes,
        class_weights=data.class_weights,
        decision_weights=decision_weights,
        seed=request.seed,
        should_stop=should_stop,
    )
