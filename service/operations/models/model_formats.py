"""The file formats of models. A new one is an entry of ``MODEL_FORMATS``, and its writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import kan_engine
from kan_engine.errors import ArtifactError
from service.db.tables import Model
from service.documents.answering_member import Members
from service.operations.models import export_document
from service.schemas.members import Member

if TYPE_CHECKING:
    from jaxtyping import Float

    from kan_engine import Predictor, RowPredictions
    from kan_engine.export.probe_rows import Columns

# A file, and the predictions of each member in it
WrittenExport = tuple[bytes, dict[Member, "RowPredictions"]]


@dataclass(frozen=True, kw_only=True)
class ModelFormat:
    """A file format of models.

    Attributes:
        name: Its name in requests.
        title: Its name for people.
        about: What it is for.
        ending: Of file names.
        media_type: Of the answer.
        write: Writes a model, and returns what the file predicts at the columns, which is compared with the
            model; raises ``NotExportable`` if the format cannot express the model.
        is_complete: Whether the file also describes formulas and edges; only then are these read.
    """

    name: str
    title: str
    about: str
    ending: str
    media_type: str
    write: Callable[[Model, Members, Columns], WrittenExport]
    is_complete: bool = False


def _write_safetensors(model: Model, members: Members, columns: Columns) -> WrittenExport:
    """The artifact with the description of the model; without the description if that is too long."""
    symbolic = model.symbolic
    try:
        data = kan_engine.save(members.accurate, *export_document.describe_model(model))
    except ArtifactError:
        data, symbolic = kan_engine.save(members.accurate), None
    # Predictions of the file as it will be read, not of the model in memory
    copy = Members.build(kan_engine.load(data), symbolic)
    answers: dict[Member, RowPredictions] = {"accurate": kan_engine.predict_rows(copy.accurate, columns)}
    optional_members: dict[Member, Predictor | None] = {
        "compact": copy.compact,
        "formula": copy.formula,
        "linear": copy.linear,
    }
    for name, member in optional_members.items():
        if member is not None:
            answers[name] = kan_engine.predict_rows(member, columns)
    return data, answers


def _write_onnx(model: Model, members: Members, columns: Columns) -> WrittenExport:
    """The network that answers where no formula does."""
    name, network = members.accurate.answering_name, members.accurate.answering_network
    data = kan_engine.to_onnx(network, units=model.record["units"])
    return data, {name: kan_engine.run_onnx(data, network, columns)}


def _write_python(model: Model, members: Members, columns: Columns) -> WrittenExport:
    """The same network, with the formula if that is exact or may serve predictions."""
    title = f"{model.name}, version {model.version}"
    trees = members.serving.trees if members.serving is not None else ()
    name, network = members.accurate.answering_name, members.accurate.answering_network
    text = kan_engine.to_python(network, title=title, units=model.record["units"], trees=trees)
    answers: dict[Member, RowPredictions] = {name: kan_engine.run_python(text, columns)}
    # The formula in the file has to agree with the member as well, not only the network
    values = kan_engine.run_formula(text, columns)
    if values is not None and members.formula is not None:
        answers["formula"] = _read_outputs(members.formula, values.reshape(len(values), -1))
    return text.encode(), answers


def _read_outputs(predictor: Predictor, outputs: Float[np.ndarray, "rows outputs"]) -> RowPredictions:
    """Predictions from values of formulas: those of a classifier are log-odds or logits."""
    if predictor.classes is None:
        return kan_engine.RowPredictions(outputs)
    probabilities = predictor.to_probabilities(outputs)
    return kan_engine.RowPredictions(probabilities, predictor.labels(probabilities))


MODEL_FORMATS: dict[str, ModelFormat] = {
    each.name: each
    for each in (
        ModelFormat(
            name="safetensors",
            title="safetensors",
            about="the whole model, for another service like this one",
            ending="safetensors",
            media_type="application/octet-stream",
            write=_write_safetensors,
            is_complete=True,
        ),
        ModelFormat(
            name="onnx",
            title="ONNX",
            about="a graph that most inference runtimes can run",
            ending="onnx",
            media_type="application/octet-stream",
            write=_write_onnx,
        ),
        ModelFormat(
            name="python",
            title="Python",
            about="one file that requires only NumPy",
            ending="py",
            media_type="text/x-python; charset=utf-8",
            write=_write_python,
        ),
    )
}
"""Every format by its name, in the order in which they are offered."""
