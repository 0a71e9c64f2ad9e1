"""Rename, tag, alias and delete trained models."""

from service import storage
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
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
