"""Models as files, each compared with the model before it is offered."""

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
from service.errors import Conflict, Unfaithful
from service.operations import portable
from service.operations.prediction import predictor_of
from service.operations.predictor_cache import PredictorCache

if TYPE_CHECKING:
    from kan_engine import Answers, Predictor
    from kan_engine.probes import Columns

log = logging.getLogger(__name__)

ExportFormat = Literal["safetensors", "onnx", "python"]

MOST = 1e-9  # by which an export may differ from the model

Made = tuple[bytes, "Answers"]  # a file, and what it says of rows


@dataclass(frozen=True)
class Export:
    """A file that says what the model says, up to a difference as ``largest_difference`` measures it."""

    filename: str
    media_type: str
    data: bytes
    difference: float

    @property
    def sha256(self) -> str:
        """Names the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def export_model(
    reference: str, format: ExportFormat, sessions: Sessions, predictors: PredictorCache
) -> Export:
    """A model as a file of this kind.

    Raises:
        NotFound: There is no such model.
        Conflict: The file cannot hold this model.
        Unfaithful: The file does not say what the model says.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        description = portable.describe(model) if format == "safetensors" else ({}, {})
    predictor = predictor_of(model, sessions, predictors)
    kind = KINDS[format]
    columns = kan_engine.probe_columns(predictor.encoding)
    try:
        data, answers = kind.make(model, predictor, description, columns)
    except NotExportable as error:
        raise Conflict("not_exportable", str(error)) from error
    difference = kan_engine.largest_difference(predictor, kan_engine.answers_of(predictor, columns), answers)
    if not difference <= MOST:
        log.error("export differs", extra={"model_id": model.id, "format": format, "difference": difference})
        detail = f"the {format} file differs from the model by {difference:.3g}; take it in another format"
        raise Unfaithful("export_differs", detail)
    return Export(f"{model.id}.{kind.ending}", kind.media_type, data, difference)


Description = tuple[portable.Document, portable.Attached]


def _safetensors(_: Model, predictor: Predictor, description: Description, columns: Columns) -> Made:
    """The artifact with all that is shown of the model; without it where it is too long for the file."""
    try:
        data = kan_engine.save(predictor, *description)
    except ArtifactError:
        data = kan_engine.save(predictor)
    return data, kan_engine.answers_of(kan_engine.load(data), columns)


def _onnx(model: Model, predictor: Predictor, _: Description, columns: Columns) -> Made:
    data = kan_engine.to_onnx(predictor, units=model.record["units"])
    return data, kan_engine.run_onnx(data, predictor, columns)


def _python(model: Model, predictor: Predictor, _: Description, columns: Columns) -> Made:
    title = f"{model.name}, version {model.version}"
    text = kan_engine.to_python(predictor, title=title, units=model.record["units"])
    return text.encode(), kan_engine.run_python(text, columns)


@dataclass(frozen=True)
class _Kind:
    """How a format is made, and what its files are called."""

    make: Callable[[Model, Predictor, Description, Columns], Made]
    ending: str
    media_type: str


KINDS: dict[ExportFormat, _Kind] = {
    "safetensors": _Kind(_safetensors, "safetensors", "application/octet-stream"),
    "onnx": _Kind(_onnx, "onnx", "application/octet-stream"),
    "python": _Kind(_python, "py", "text/x-python; charset=utf-8"),
}
