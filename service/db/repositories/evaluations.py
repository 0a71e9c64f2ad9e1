"""Evaluations of models: measurements on labelled rows, one after the other."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.db.repositories.models import replace_nonfinite
from service.db.session import clock
from service.db.tables import Evaluation


class ModelEvaluations:
    """Reads and writes the evaluations of a model in the caller's transaction."""

    def __init__(self, session: Session, model_id: str) -> None:
        self._session, self._model_id = session, model_id

    def add(self, *, by: str, dataset_id: str | None, result: dict[str, Any], limit: int) -> Evaluation:
        """Store an evaluation, values that are not finite as null; delete the oldest beyond ``limit``."""
        row = Evaluation(
            model_id=self._model_id,
            dataset_id=dataset_id,
            by=by,
            result=replace_nonfinite(result),
            created_at=clock(self._session),
        )
        self._session.add(row)
        self._session.flush()
        surplus = self._newest().with_only_columns(Evaluation.id).offset(limit)
        if old := self._session.scalars(surplus.limit(1)).first():
            statement = delete(Evaluation).where(Evaluation.model_id == self._model_id, Evaluation.id <= old)
            self._session.execute(statement)
        return row

    def page(self, *, limit: int, after: str | None = None) -> Sequence[Evaluation]:
        """Up to ``limit + 1`` evaluations, newest first, older than the evaluation ``after``."""
        query = self._newest().limit(limit + 1)
        return self._session.scalars(query if after is None else query.where(Evaluation.id < after)).all()

    def _newest(self) -> Any:
        of_model = select(Evaluation).where(Evaluation.model_id == self._model_id)
        return of_model.order_by(Evaluation.id.desc())
