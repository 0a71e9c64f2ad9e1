"""What a pipeline has found, as it is stored: JSON in place of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python

from service.schemas.common import ExtensibleModel
from service.schemas.members import NetworkOut
from service.schemas.model_document import ModelDocument, Split
from worker.execution.outcome import Outcome


def to_json(value: Any) -> Any:
    """A document as the service stores it, or records as dictionaries."""
    return value.to_json() if isinstance(value, ExtensibleModel) else to_jsonable_python(value)


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


def bare_record(**metrics: float | None) -> ModelDocument:
    """A record with these metrics, and nothing else."""
    return ModelDocument(
        features=[],
        outputs=["y"],
        network=NetworkOut(width=[], grid=0, order=0, parameters=0, edges=0),
        formula_of=None,
        metrics=metrics,
        training_metrics={},
        split=Split(kind="none", seed=None, training_rows=0, validation_rows=0, test_rows=0),
        history=[],
        warnings=[],
    )
