"""Deletes rows whose retention period has ended: in small batches, each row in its own transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from service.caller import Caller
from service.db.repositories.retention import ExpiredRows, TenantsAndIds
from service.db.session import LOCK_FOR_CHANGE, Sessions
from service.db.tables import Dataset, Job, Model
from service.settings import Settings
from service.storage.deletion import remove_dataset, remove_job, remove_model
from worker.runtime.limits import RuntimeLimits

log = logging.getLogger(__name__)

CALLER_NAME = "retention"  # name of the caller in the audit log


@dataclass(frozen=True)
class RetentionRule:
    """The retention rule of a table.

    Args:
        table: The table.
        keep: The setting (days, or versions of a model); 0 keeps all rows.
        find: Finds the rows that may be deleted.
        remove: Deletes a row that the transaction has locked.
    """

    table: type[Any]
    keep: int
    find: Callable[..., TenantsAndIds]
    remove: Callable[[Session, Any], None]


def delete_expired(sessions: Sessions, settings: Settings, limits: RuntimeLimits) -> None:
    """Run one round. Models are deleted before datasets, because a dataset is kept while a model uses it."""
    rules = (
        RetentionRule(Job, settings.retention_days_jobs, ExpiredRows.jobs, remove_job),
        RetentionRule(Model, settings.keep_versions, ExpiredRows.models, remove_model),
        RetentionRule(Dataset, settings.retention_days_datasets, ExpiredRows.datasets, remove_dataset),
    )
    for rule in rules:
        count = _apply_rule(rule, sessions, limits) if rule.keep else 0
        if count:
            log.info("retention", extra={"removed": count, "kind": rule.table.__tablename__})


def _apply_rule(rule: RetentionRule, sessions: Sessions, limits: RuntimeLimits) -> int:
    with sessions.read() as session:
        rows = rule.find(ExpiredRows(session, limit=limits.retention_batch_rows), rule.keep)
    return sum(map(partial(_delete_row, rule, sessions), rows))


def _delete_row(rule: RetentionRule, sessions: Sessions, row_key: tuple[str, str]) -> bool:
    """Delete a row and return true; false if another worker has deleted it, or it is in use again."""
    tenant, row_id = row_key
    with sessions.restrict_to(Caller(tenant=tenant, name=CALLER_NAME)).begin() as session:
        row = session.get(rule.table, row_id, with_for_update=LOCK_FOR_CHANGE)
        if row is None or not rule.find(ExpiredRows(session, limit=1), rule.keep, only=row_id):
            return False
        rule.remove(session, row)
        return True
