"""Routes of the audit log."""

from fastapi import APIRouter

from service.api.deps import ADMIN, Sessions, StrictRoute
from service.api.pagination import Paging
from service.db.repositories import Audit
from service.schemas.audit import AuditOut
from service.schemas.common import Page

router = APIRouter(prefix="/audit", tags=["operations"], route_class=StrictRoute)


@router.get("", dependencies=[ADMIN], summary="What was changed, and by whom")
def list_audit(sessions: Sessions, window: Paging) -> Page[AuditOut]:
    """Every change to datasets, jobs, models and keys of the tenant, newest first."""
    with sessions.read() as session:
        entries, cursor = window.cut(Audit(session).page(limit=window.limit, after=window.after))
    return Page(items=[AuditOut.model_validate(entry) for entry in entries], next_cursor=cursor)
