"""Routes of a tenant's audit log and resource usage."""

from fastapi import APIRouter

from service.api.http.dependencies import ADMIN, READ, Config, Sessions, StrictRoute
from service.api.http.pagination import Paging
from service.db.repositories import Audit
from service.operations import quotas
from service.schemas.common import Page
from service.schemas.tenant import AuditOut, UsageOut

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get("/audit", dependencies=[ADMIN], summary="The audit log")
def list_audit(sessions: Sessions, window: Paging) -> Page[AuditOut]:
    """Every change to datasets, jobs, models and keys of the tenant, newest first."""
    with sessions.read() as session:
        entries, cursor = window.take_page(Audit(session).page(limit=window.limit, after=window.after))
    return Page(items=[AuditOut.model_validate(entry) for entry in entries], next_cursor=cursor)


@router.get("/usage", dependencies=[READ], summary="Resource usage and limits")
def get_usage(sessions: Sessions, settings: Config) -> UsageOut:
    """Numbers and sizes of the tenant's datasets, models and jobs, and its limits."""
    return quotas.read_usage(sessions, settings)
