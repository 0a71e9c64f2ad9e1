"""Lineage of a model: its dataset, and the models from which it was derived."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from service.db.tables import Dataset, Model


@dataclass(frozen=True)
class Ancestor:
    """A model from which another was derived, and the changes; ``model`` is None if it was deleted."""

    model_id: str
    version: int | None
    model: Model | None
    changes: dict[str, Any]


class Lineage:
    """Follows the lineage of a model as far as it still exists."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def dataset(self, model: Model) -> Dataset | None:
        """The dataset that the model was trained on, unless deleted."""
        return self._session.get(Dataset, model.dataset_id) if model.dataset_id else None

    def list_ancestors(self, model: Model | None, *, limit: int = 100) -> list[Ancestor]:
        """Up to ``limit`` ancestors, the nearest first, up to one that was trained or was deleted."""
        ancestors: list[Ancestor] = []
        ids: set[str] = set()
        while model is not None and len(ancestors) < limit:
            revises = dict(model.record.get("lineage", {}).get("revises") or {})
            model_id, version = revises.pop("model_id", None), revises.pop("version", None)
            if not isinstance(model_id, str) or model_id in ids:  # an imported file may contain anything
                break
            ids.add(model_id)
            model = self._session.get(Model, model_id)
            ancestors.append(Ancestor(model_id, version, model, revises))
        return ancestors
