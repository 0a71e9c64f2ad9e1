"""Rename, tag, alias, draw and delete trained models."""

from typing import Any

from kan_engine.data.transforms import TRANSFORMS
from kan_engine.drawing.network_diagram import draw_network
from kan_engine.drawing.svg import LIGHT, Theme
from service.db.repositories.audit import Audit
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model
from service.operations.entity_tags import refuse_stale
from service.operations.models.pictured_network import select_network
from service.schemas.models import ModelOut, ModelPatch, NetworkChoice
from service.storage.deletion import remove_model


def change_model(
    model_id: str, patch: ModelPatch, sessions: Sessions, *, if_match: str | None = None
) -> ModelOut:
    """Change the fields that a patch sets.

    Raises:
        NotFound: There is no such model.
        Stale: Its entity tag is not in ``if_match``.
    """
    with sessions.begin() as session:
        models = TrainedModels(session)
        model = _lock_model(model_id, models, if_match)
        if patch.name is not None:
            models.rename(model, patch.name)
        if patch.tags is not None:
            model.tags = patch.tags
        if patch.alias is not None:
            models.set_alias(model, patch.alias)
        elif "alias" in patch.model_fields_set:
            models.clear_aliases(model)
        Audit(session).add("model.change", model_id, **patch.model_dump(exclude_unset=True))
        return _to_schema(model, models)


def delete_model(model_id: str, sessions: Sessions, *, if_match: str | None = None) -> None:
    """Remove a model and, unless another model has the same, its artifact.

    Raises:
        NotFound: There is no such model.
        Stale: Its entity tag is not in ``if_match``.
    """
    with sessions.begin() as session:
        models = TrainedModels(session)
        remove_model(session, _lock_model(model_id, models, if_match))


def _lock_model(model_id: str, models: TrainedModels, if_match: str | None) -> Model:
    """Lock a model; refuses a stale ``if_match``."""
    model = models.hold(model_id)
    refuse_stale(_to_schema(model, models), if_match, what=f"model {model_id}", code="model_changed")
    return model


def _to_schema(model: Model, models: TrainedModels) -> ModelOut:
    return ModelOut.from_row(model, models.list_aliases([model])[model.id])


def draw_model(
    reference: str, sessions: Sessions, theme: Theme = LIGHT, *, network: NetworkChoice | None = None
) -> str:
    """A network of a model as SVG; labels of outputs name the quantity, such as ``log(y)`` or log-odds.

    Raises:
        NotFound: There is no such model.
        Conflict: It has no compact network.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        picture, record = select_network(model, network), model.record
    before, after = _find_output_affixes(record, picture.shape, theme)
    return draw_network(picture.edges, units=record["units"], before=before, after=after, theme=theme)


def _find_output_affixes(record: dict[str, Any], shape: dict[str, Any], theme: Theme) -> tuple[str, str]:
    """Text before and after the name of an output, if the network gives a transform of the output."""
    classes: list[Any] = record.get("classes") or []
    if len(classes) == 2:
        return f"{theme.say('log-odds of')} ", f" = {classes[1]}"
    if classes:
        return f"{theme.say('logit of')} ", ""
    transform = TRANSFORMS[shape.get("target_transform", "identity")]
    before, after = transform.affixes
    is_one_word = all(name.isidentifier() and not record["units"].get(name) for name in record["outputs"])
    if is_one_word or before.endswith("(") or not (before or after):
        return before, after
    return f"{before}(", f"){after}"
