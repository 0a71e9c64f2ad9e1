"""Aliases of models, and their history."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.caller import LOCAL_CALLER
from service.db.session import clock, get_caller
from service.db.tables import AliasMove, Model, ModelAlias


class Aliases:
    """Reads the aliases of a name and their history, and writes the history."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record_move(self, model: Model, alias: str, *, is_set: bool) -> None:
        """Record, in the transaction of the change, that an alias was set to a model or removed from it."""
        caller = get_caller(self._session) or LOCAL_CALLER
        self._session.add(
            AliasMove(
                tenant=model.tenant,
                name=model.name,
                alias=alias,
                model_id=model.id if is_set else None,
                version=model.version if is_set else None,
                key_id=caller.key_id,
                key_name=caller.name,
                created_at=clock(self._session),
            )
        )

    def list_moves(
        self, name: str, *, alias: str | None = None, limit: int, after: str | None = None
    ) -> Sequence[AliasMove]:
        """Up to ``limit + 1`` moves, newest first, older than the move ``after``."""
        query = select(AliasMove).where(AliasMove.name == name).order_by(AliasMove.id.desc())
        if alias is not None:
            query = query.where(AliasMove.alias == alias)
        if after is not None:
            query = query.where(AliasMove.id < after)
        return self._session.scalars(query.limit(limit + 1)).all()

    def list_current(self, name: str) -> Sequence[tuple[str, str, int]]:
        """The current aliases of a name, sorted, each with the id and the version of its model."""
        query = (
            select(ModelAlias.alias, Model.id, Model.version)
            .join(Model, ModelAlias.model_id == Model.id)
            .where(ModelAlias.name == name)
            .order_by(ModelAlias.alias)
        )
        return [(alias, model_id, version) for alias, model_id, version in self._session.execute(query)]
