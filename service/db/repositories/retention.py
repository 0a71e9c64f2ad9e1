"""Rows that exceed the retention settings, oldest first. Nothing here changes a row.

Each query covers all rows or, with ``only``, one: whoever deletes a row locks it and queries again, because
it may have come into use meanwhile.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session

from service.db.repositories.job_queries import FINAL, UNFINISHED
from service.db.session import clock
from service.db.tables import Dataset, Job, Model, ModelAlias

TenantsAndIds = Sequence[tuple[str, str]]
MODEL_REFERENCE_FIELDS = ("model_id", "model")  # in symbolic jobs and in predictions of datasets


class ExpiredRows:
    """Tenants and ids of rows that may be deleted."""

    def __init__(self, session: Session, *, limit: int) -> None:
        self._session, self._limit = session, limit

    def jobs(self, days: int, *, only: str | None = None) -> TenantsAndIds:
        """Jobs that finished more than ``days`` ago."""
        since = clock(self._session) - timedelta(days=days)
        conditions = Job.status.in_(FINAL), Job.created_at < since, Job.finished_at < since
        return self._list_rows(Job, select(Job.tenant, Job.id).where(*conditions), only)

    def datasets(self, days: int, *, only: str | None = None) -> TenantsAndIds:
        """Datasets added more than ``days`` ago that no job has used since and no model was trained on.

        The dataset of a model is kept, because changing the model's formula needs its rows.
        """
        since = clock(self._session) - timedelta(days=days)
        is_recent = or_(Job.status.in_(UNFINISHED), Job.created_at >= since, Job.finished_at >= since)
        conditions = (
            Dataset.created_at < since,
            ~exists().where(Job.dataset_id == Dataset.id, is_recent),
            ~exists().where(Model.dataset_id == Dataset.id),
        )
        return self._list_rows(Dataset, select(Dataset.tenant, Dataset.id).where(*conditions), only)

    def models(self, keep: int, *, only: str | None = None) -> TenantsAndIds:
        """Models beyond the newest ``keep`` of their name, without an alias, that no unfinished job uses."""
        place = func.row_number().over(partition_by=(Model.tenant, Model.name), order_by=Model.version.desc())
        ranks = select(Model.id, place.label("place")).subquery()
        is_referenced = or_(*(Job.request[name].as_string() == Model.id for name in MODEL_REFERENCE_FIELDS))
        conditions = (
            ranks.c.place > keep,
            ~exists().where(ModelAlias.model_id == Model.id),
            ~exists().where(Job.status.in_(UNFINISHED), is_referenced),
        )
        query = select(Model.tenant, Model.id).join(ranks, ranks.c.id == Model.id).where(*conditions)
        return self._list_rows(Model, query, only)

    def _list_rows(self, table: Any, query: Select[str, str], selected_id: str | None) -> TenantsAndIds:
        query = query.order_by(table.id).limit(self._limit)
        rows = self._session.execute(query if selected_id is None else query.where(table.id == selected_id))
        return [(tenant, row_id) for tenant, row_id in rows]
