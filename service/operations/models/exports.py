"""Export models as files, each verified against its model."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import kan_engine
from kan_engine.errors import NotExportable
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.documents.answering_member import Members
from service.errors import Conflict, ExportMismatch
from service.operations.models.model_formats import MODEL_FORMATS
from service.operations.prediction.predict import load_members
from service.operations.prediction.predictor_cache import PredictorCache
from service.schemas.members import Member

if TYPE_CHECKING:
    from kan_engine import RowPredictions
    from kan_engine.export.probe_rows import Columns

log = logging.getLogger(__name__)

MAX_DIFFERENCE = 1e-9  # between the predictions of an export and of its model


@dataclass(frozen=True)
class Export:
    """A file with members of a model, and the ``largest_difference`` of its predictions from the model's."""

    filename: str
    media_type: str
    data: bytes
    difference: float
    members: tuple[Member, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()


def export_model(reference: str, format: str, sessions: Sessions, predictors: PredictorCache) -> Export:
    """Export a model in a format.

    Raises:
        NotFound: There is no such model.
        Conflict: The format cannot express this model.
        ExportMismatch: The predictions of the file differ from those of the model.
    """
    kind = MODEL_FORMATS[format]
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        if kind.is_complete:
            session.refresh(model, ["symbolic", "edges"])
    members = load_members(model, sessions, predictors)
    columns = kan_engine.probe_columns(members.accurate.encoding)
    try:
        data, answers = kind.write(model, members, columns)
    except NotExportable as error:
        raise Conflict("not_exportable", str(error)) from error
    difference = max(_measure_difference(members, name, columns, answer) for name, answer in answers.items())
    if not difference <= MAX_DIFFERENCE:
        log.error("export differs", extra={"model_id": model.id, "format": format, "difference": difference})
        detail = f"the {format} file differs from the model by {difference:.3g}; export another format"
        raise ExportMismatch("export_differs", detail)
    return Export(f"{model.id}.{kind.ending}", kind.media_type, data, difference, tuple(answers))


def _measure_difference(members: Members, name: Member, columns: Columns, answer: RowPredictions) -> float:
    """Largest difference between the predictions of a member in the file and in the model."""
    _, predictor = members.select(name)
    return kan_engine.largest_difference(predictor, kan_engine.predict_rows(predictor, columns), answer)
