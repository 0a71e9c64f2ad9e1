"""Audit log: changes by clients, with time and API key."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.caller import LOCAL_CALLER
from service.db.session import clock, get_caller
from service.db.tables import AuditEntry


class Audit:
    """Written in the transaction of the change, so that neither exists without the other."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, action: str, object_id: str, *, tenant: str | None = None, **detail: Any) -> None:
        """Record an action of the caller on an object."""
        caller = get_caller(self._session) or LOCAL_CALLER
        self._session.add(
            AuditEntry(
                tenant=tenant or caller.tenant,
                key_id=caller.key_id,
                key_name=caller.name,
                action=action,
                object_id=object_id,
                detail=detail,
                created_at=clock(self._session),
            )
        )

    def page(self, *, limit: int, after: str | None = None) -> Sequence[AuditEntry]:
        """Up to ``limit + 1`` entries, newest first, older than the entry ``after``."""
        entries = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
        return self._session.scalars(entries if after is None else entries.where(AuditEntry.id < after)).all()
