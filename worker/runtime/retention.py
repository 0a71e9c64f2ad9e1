"""Delete what the settings no longer keep: a few rows at a time, each in a transaction of its own."""

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

NAME = "retention"  # by which the audit log knows who it was
BATCH = 100  # rows of a kind and round, so that a backlog holds up no other chore


@dataclass(frozen=True)
class Rule:
    """A kind of rows, how long they are kept, and how they go.

    Args:
        keep: The setting; 0 keeps all.
        find: Those that may go.
        remove: Removes one that the transaction has locked.
    """

    table: type[Any]
    keep: int
    find: Callable[..., Found]
    remove: Callable[[Session, Any], None]


def retain(sessions: Sessions, settings: Settings) -> None:
    """One round. Models go before datasets, which stay as long as a model was trained on them."""
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
    """Whether the row went: another worker may have been quicker, or it is in use again."""
    tenant, row_id = found
    with sessions.of(Caller(tenant=tenant, name=NAME)).begin() as session:
        row = session.get(rule.table, row_id, with_for_update=TO_CHANGE)
        if row is None or not rule.find(Expired(session, limit=1), rule.keep, only=row_id):
            return False
        rule.remove(session, row)
        return True
