"""Export models as files, each verified against its model."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import kan_engine
from kan_engine.errors import ArtifactError, NotExportable
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model
from service.documents.answering_member import Members
from service.errors import Conflict, ExportMismatch
from service.operations.models import export_document
from service.operations.prediction.predict import load_members
from service.operations.prediction.predictor_cache import PredictorCache
from service.schemas.members import Member

if TYPE_CHECKING:
    from kan_engine import RowPredictions
    from kan_engine.export.probe_rows import Columns

log = logging.getLogger(__name__)

ExportFormat = Literal["safetensors", "onnx", "python"]

MAX_DIFFERENCE = 1e-9  # between the predictions of an export and of its model

# A file, and the predictions of each member in it
WrittenExport = tuple[bytes, dict[Member, "RowPredictions"]]


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


def export_model(
    reference: str, format: ExportFormat, sessions: Sessions, predictors: PredictorCache
) -> Export:
    """Export a model in a format.

    Raises:
        NotFound: There is no such model.
        Conflict: The format cannot express this model.
        ExportMismatch: The predictions of the file differ from those of the model.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        description = export_document.describe_model(model) if format == "safetensors" else ({}, {})
    members = load_members(model, sessions, predictors)
    kind = FORMATS[format]
    columns = kan_engine.probe_columns(members.accurate.encoding)
    try:
        data, answers = kind.make(model, members, description, columns)
    except NotExportable as error:
        raise Conflict("not_exportable", str(error)) from error
    difference = max(_measure_difference(members, name, columns, told) for name, told in answers.items())
    if not difference <= MAX_DIFFERENCE:
        log.error("export differs", extra={"model_id": model.id, "format": format, "difference": difference})
        detail = f"the {format} file differs from the model by {difference:.3g}; export another format"
        raise ExportMismatch("export_differs", detail)
    return Export(f"{model.id}.{kind.ending}", kind.media_type, data, difference, tuple(answers))


def _measure_difference(members: Members, name: Member, columns: Columns, told: RowPredictions) -> float:
    """Largest difference between the predictions of a member in the file and in the model."""
    _, predictor = members.select(name)
    return kan_engine.largest_difference(predictor, kan_engine.predict_rows(predictor, columns), told)


Description = tuple[export_document.Document, export_document.AttachedArrays]


def _write_safetensors(
    model: Model, members: Members, description: Description, columns: Columns
) -> WrittenExport:
    """The artifact with the description of the model; without the description if that is too long."""
    symbolic = model.symbolic
    try:
        data = kan_engine.save(members.accurate, *description)
    except ArtifactError:
        data, symbolic = kan_engine.save(members.accurate), None
    held = Members.build(kan_engine.load(data), symbolic)
    answers: dict[Member, RowPredictions] = {"accurate": kan_engine.predict_rows(held.accurate, columns)}
    if held.formula is not None:
        answers["formula"] = kan_engine.predict_rows(held.formula, columns)
    return data, answers


def _write_onnx(model: Model, members: Members, _: Description, columns: Columns) -> WrittenExport:
    data = kan_engine.to_onnx(members.accurate, units=model.record["units"])
    return data, {"accurate": kan_engine.run_onnx(data, members.accurate, columns)}


def _write_python(model: Model, members: Members, _: Description, columns: Columns) -> WrittenExport:
    """The network, with the formula if that is exact or may serve predictions."""
    title = f"{model.name}, version {model.version}"
    trees = members.serving.trees if members.serving is not None else ()
    text = kan_engine.to_python(members.accurate, title=title, units=model.record["units"], trees=trees)
    answers: dict[Member, RowPredictions] = {"accurate": kan_engine.run_python(text, columns)}
    values = kan_engine.run_formula(text, columns)
    if values is not None:
        answers["formula"] = kan_engine.RowPredictions(values.reshape(len(values), -1))
    return text.encode(), answers


@dataclass(frozen=True)
class _Format:
    """An export format: its writer, file suffix and media type."""

    make: Callable[[Model, Members, Description, Columns], WrittenExport]
    ending: str
    media_type: str


FORMATS: dict[ExportFormat, _Format] = {
    "safetensors": _Format(_write_safetensors, "safetensors", "application/octet-stream"),
    "onnx": _Format(_write_onnx, "onnx", "application/octet-stream"),
    "python": _Format(_write_python, "py", "text/x-python; charset=utf-8"),
}
