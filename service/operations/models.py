"""Rename, tag, alias, draw and delete trained models."""

from typing import Any

from service import storage
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.drawing import draw_network
from service.schemas.models import ModelOut, ModelPatch


def change_model(model_id: str, patch: ModelPatch, sessions: Sessions) -> ModelOut:
    """Apply what a patch names, and nothing else.

    Raises:
        NotFound: There is no such model.
    """
    with sessions.begin() as session:
        models = TrainedModels(session)
        model = models.hold(model_id)
        if patch.name is not None:
            models.rename(model, patch.name)
        if patch.tags is not None:
            model.tags = patch.tags
        if patch.alias is not None:
            models.set_alias(model, patch.alias)
        elif "alias" in patch.model_fields_set:
            models.clear_aliases(model)
        return ModelOut.of(model, models.aliases([model])[model.id])


def delete_model(model_id: str, sessions: Sessions) -> None:
    """Remove a model and, unless another model has the same, its artifact.

    Raises:
        NotFound: There is no such model.
    """
    with sessions.begin() as session:
        models = TrainedModels(session)
        model = models.hold(model_id)
        models.delete(model)
        storage.release(session, model.artifact_sha256)


def read_artifact(reference: str, sessions: Sessions) -> tuple[ModelOut, bytes, str]:
    """A model, its artifact and the SHA-256 of that."""
    with sessions.read() as session:
        models = TrainedModels(session)
        model = models.get(reference)
        out = ModelOut.of(model, models.aliases([model])[model.id])
        return out, storage.read_bytes(session, model.artifact_sha256), model.artifact_sha256


def draw_model(reference: str, sessions: Sessions) -> str:
    """The network of a model as SVG, its outputs labelled by what they are there: ``log(y)``, log-odds.

    Raises:
        NotFound: There is no such model.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        picture, record = model.edges, model.record
    before, after = _around_outputs(record)
    return draw_network(picture, units=record["units"], before=before, after=after)


def _around_outputs(record: dict[str, Any]) -> tuple[str, str]:
    """What stands around the name of an output, because the network gives something else than the output."""
    classes: list[Any] = record.get("classes") or []
    if len(classes) == 2:
        return "log-odds of ", f" = {classes[1]}"
    if classes:
        return "logit of ", ""
    return TRANSFORMED.get(record["network"].get("target_transform", "identity"), ("", ""))


TRANSFORMED = {
    "log": ("log(", ")"),
    "log_neg": ("log(-", ")"),
    "reciprocal": ("1 / ", ""),
    "square": ("", "²"),
    "sqrt": ("√", ""),
    "exp": ("exp(", ")"),
    "reciprocal_square": ("1 / ", "²"),
}
