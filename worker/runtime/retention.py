"""Deletes rows whose retention period has ended: in small batches, each row in its own transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from service.caller import Caller
from service.db.repositories.retention import Expired, Found
from service.db.session import TO_CHANGE, Sessions
from service.db.tables import Dataset, Job, Model
from service.settings import Settings
from service.storage.deletion import remove_dataset, remove_job, remove_model

log = logging.getLogger(__name__)

NAME = "retention"  # name of the caller in the audit log
BATCH = 100  # rows per kind and round, so that a backlog does not delay other periodic tasks


@dataclass(frozen=True)
class Rule:
    """The retention rule of a table.

    Args:
        table: The table.
        keep: The setting (days, or versions of a model); 0 keeps all rows.
        find: Finds the rows that may be deleted.
        remove: Deletes a row that the transaction has locked.
    """

    table: type[Any]
    keep: int
    find: Callable[..., Found]
    remove: Callable[[Session, Any], None]


def retain(sessions: Sessions, settings: Settings) -> None:
    """Run one round. Models are deleted before datasets, because a dataset is kept while a model uses it."""
    rules = (
        Rule(Job, settings.retention_days_jobs, Expired.jobs, remove_job),
        Rule(Model, settings.keep_versions, Expired.models, remove_model),
        Rule(Dataset, settings.retention_days_datasets, Expired.datasets, remove_dataset),
    )
    for rule in rules:
        removed = _apply(rule, sessions) if rule.keep else 0
        if removed:
            log.info("retention", extra={"removed": removed, "kind": rule.table.__tablename__})


def _apply(rule: Rule, sessions: Sessions) -> int:
    with sessions.read() as session:
        found = rule.find(Expired(session, limit=BATCH), rule.keep)
    return sum(map(partial(_remove, rule, sessions), found))


def _remove(rule: Rule, sessions: Sessions, found: tuple[str, str]) -> bool:
    """Delete a row and return true; false if another worker has deleted it, or it is in use again."""
    tenant, row_id = found
    with sessions.of(Caller(tenant=tenant, name=NAME)).begin() as session:
        row = session.get(rule.table, row_id, with_for_update=TO_CHANGE)
        if row is None or not rule.find(Expired(session, limit=1), rule.keep, only=row_id):
            return False
        rule.remove(session, row)
        return True
