"""Revisions: models, and the changes that symbolic jobs make to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from service.db.repositories.jobs import Jobs
from service.db.repositories.models import TrainedModels
from service.db.tables import Dataset, Model
from service.errors import Conflict
from service.schemas.job_requests import read_request
from service.schemas.options.formulas import SymbolicOptions
from service.schemas.revision import SymbolicRequest
from service.schemas.training import TrainRequest


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A model and the requested changes.

    Attributes:
        artifact_sha256: Blob of its network.
        record: The body of ``GET /models/{id}``.
        symbolic: Its formulas with their trees; None without one.
        edges: Its curves and suggestions.
        request: The training request for the changed model, where one is needed.
    """

    changes: SymbolicRequest
    request: TrainRequest
    model_id: str
    version: int
    task: str
    artifact_sha256: str
    record: dict[str, Any]
    symbolic: dict[str, Any] | None
    edges: dict[str, Any]

    @property
    def needs_new_network(self) -> bool:
        """Whether the change requires a new network."""
        return bool(self.changes.drop) and not self.changes.fix

    @property
    def only_changes_member(self) -> bool:
        """Whether formulas and networks stay as they are."""
        changes = self.changes
        return not changes.changes_formula and changes.choose is None and changes.fit_group is None


def read_revision(changes: SymbolicRequest, session: Session) -> Revision:
    """The model that a symbolic job changes, and the equivalent training request.

    Raises:
        NotFound: There is no such model.
        Conflict: Its dataset was deleted.
    """
    model = TrainedModels(session).get(changes.model_id)
    if model.dataset_id is None or session.get(Dataset, model.dataset_id) is None:
        detail = f"the dataset of model {model.id} was deleted or never uploaded; upload it and train again"
        raise Conflict("dataset_deleted", detail)
    return Revision(
        changes=changes,
        request=_change_request(_read_training_request(model, session), changes, model),
        model_id=model.id,
        version=model.version,
        task=model.task,
        artifact_sha256=model.artifact_sha256,
        record=model.record,
        symbolic=model.symbolic,
        edges=model.edges,
    )


def _read_training_request(model: Model, session: Session) -> TrainRequest:
    """The training request of a model; for models of older versions it is stored only in their job."""
    document = model.record["lineage"].get("request") or Jobs(session).get(model.job_id).request
    request = read_request(document)
    assert isinstance(request, TrainRequest)  # noqa: S101 - symbolic jobs store the equivalent training
    return request


def _change_request(request: TrainRequest, changes: SymbolicRequest, model: Model) -> TrainRequest:
    symbolic = request.symbolic or SymbolicOptions()
    features = [feature["name"] for feature in model.record["features"]]
    if not changes.fix:
        features = [name for name in features if name not in changes.drop]
    return request.model_copy(
        update={
            "features": features if changes.drop or model.record.get("screening") else request.features,
            "symbolic": symbolic.model_copy(
                update={"max_complexity": changes.max_complexity or symbolic.max_complexity}
            ),
            "serve": changes.serve or request.serve,
            "compact": changes.compact or request.compact,
            "max_seconds": changes.max_seconds,
            "name": changes.name or model.name,
            "tags": model.tags if changes.tags is None else changes.tags,
        }
    )
