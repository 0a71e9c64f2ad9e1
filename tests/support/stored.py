"""What a pipeline has found, as it is stored: JSON in place of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from worker.execution.outcome import Outcome
from worker.results.records import ModelMeasures, ModelRecord, SplitRecord
from worker.results.serialization import to_json


@dataclass(frozen=True, kw_only=True)
class StoredOutcome:
    """An outcome whose records are JSON."""

    artifact: bytes
    record: dict[str, Any]
    symbolic: dict[str, Any] | None
    edges: dict[str, Any]
    figures: dict[str, Any] | None
    task: str
    cut_by: str | None


def stored(outcome: Outcome) -> StoredOutcome:
    return StoredOutcome(
        artifact=outcome.artifact,
        record=to_json(outcome.record),
        symbolic=to_json(outcome.symbolic),
        edges=outcome.edges,
        figures=to_json(outcome.figures),
        task=outcome.task,
        cut_by=outcome.cut_by,
    )


def bare_record(**metrics: float | None) -> ModelRecord:
    """A record with these metrics, and nothing else."""
    return ModelRecord(
        features=[],
        outputs=["y"],
        network={"parameters": 0},
        formula_of=None,
        measures=ModelMeasures(metrics=metrics, training_metrics={}),
        split=SplitRecord(kind="none", seed=None, training_rows=0, validation_rows=0, test_rows=0),
        history=[],
        warnings=[],
    )
