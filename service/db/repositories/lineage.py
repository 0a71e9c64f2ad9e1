"""Where a model comes from: its dataset, and the models that it was made of."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from service.db.tables import Dataset, Model

LONGEST = 100  # steps; nobody reads more


@dataclass(frozen=True)
class Step:
    """A model that another was made from, and what was changed; ``model`` is None if it is gone."""

    model_id: str
    version: int | None
    model: Model | None
    changes: dict[str, Any]


class Lineage:
    """Follows what the lineage of a model names, as far as it is still there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def dataset(self, model: Model) -> Dataset | None:
        """The dataset that the model was trained on, if it was not deleted."""
        return self._session.get(Dataset, model.dataset_id) if model.dataset_id else None

    def steps(self, model: Model | None) -> list[Step]:
        """The models behind this one, the nearest first, up to one that was trained or is gone."""
        found: list[Step] = []
        seen: set[str] = set()
        while model is not None and len(found) < LONGEST:
            revises = dict(model.record.get("lineage", {}).get("revises") or {})
            model_id, version = revises.pop("model_id", None), revises.pop("version", None)
            if not isinstance(model_id, str) or model_id in seen:  # a file from elsewhere may say anything
                break
            seen.add(model_id)
            model = self._session.get(Model, model_id)
            found.append(Step(model_id, version, model, revises))
        return found
