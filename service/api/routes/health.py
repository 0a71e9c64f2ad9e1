"""Probes of liveness and readiness."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.api.http import dependencies
from service.api.live.job_watch import JobWatch
from service.db.repositories import Jobs
from service.db.repositories.workers import Workers
from service.db.session import Sessions
from service.errors import Unavailable
from service.queue import BrokenTransport, load_transport
from service.settings import Settings

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process alive?")
def live() -> dict[str, str]:
    """Answers as long as the process handles requests."""
    return {"status": "live"}


@dataclass(frozen=True)
class Check:
    """The result of a check, and its reason."""

    ok: bool
    detail: str


@router.get("/ready", summary="Can the service do its work?", response_model=dict[str, Any])
def ready(
    sessions: dependencies.Sessions, settings: dependencies.Config, watch: dependencies.Watch
) -> dict[str, str | dict[str, Check]]:
    """Checks the database, its revision, the broker, and whether workers are alive and take jobs.

    503 names the failed checks.

    A process that is shutting down is not ready either.
    """
    checks = {
        "process": _run_check(lambda: _check_process(watch)),
        "database": _run_check(lambda: _check_database(sessions)),
        "migrations": _run_check(lambda: _check_migrations(sessions)),
        "broker": _run_check(lambda: _check_broker(settings)),
        "worker": _run_check(lambda: _check_worker(sessions)),
        "queue": _run_check(lambda: _check_queue(sessions)),
    }
    failures = [name for name, check in checks.items() if not check.ok]
    if failures:
        report = {name: asdict(check) for name, check in checks.items()}
        raise Unavailable("not_ready", f"not ready: {', '.join(failures)}", checks=report)
    return {"status": "ready", "checks": checks}


class _NotReady(Exception):
    """A check failed; the message gives the reason."""


def _run_check(probe: Callable[[], str]) -> Check:
    """Run a check. Of driver errors only the type is returned: their text may contain addresses and names."""
    try:
        return Check(ok=True, detail=probe())
    except _NotReady as error:
        return Check(ok=False, detail=str(error))
    except SQLAlchemyError as error:
        return Check(ok=False, detail=_describe_outage(error))


def _describe_outage(error: Exception) -> str:
    return f"cannot be reached ({type(error).__name__})"


def _check_process(watch: JobWatch) -> str:
    if watch.is_closed:
        raise _NotReady("draining: the process is shutting down")
    return "serving"


def _check_database(sessions: Sessions) -> str:
    with sessions.read() as session:
        session.execute(text("SELECT 1"))
        return session.get_bind().dialect.name


def _check_migrations(sessions: Sessions) -> str:
    # Alembic takes longer to import than all routes; the API starts without it.
    from service.db.migrate import current_revision, head_revision  # noqa: PLC0415

    with sessions.read() as session:
        current = current_revision(session.connection())
    if current != head_revision():
        raise _NotReady(
            f"the database is at revision {current or 'none'}, this version needs {head_revision()}; "
            "run `kan-service migrate`"
        )
    return current


def _check_broker(settings: Settings, *, timeout_s: float = 1.0) -> str:
    """A broker has ``timeout_s`` to answer."""
    if not settings.broker_url.startswith(("redis://", "rediss://")):
        return "none needed: the worker polls the database"
    import redis  # noqa: PLC0415  # a service without Redis starts without it

    try:
        load_transport()
    except BrokenTransport as error:
        raise _NotReady(f"{error}; `kan-service doctor` shows how to fix it") from None
    try:
        with redis.Redis.from_url(
            settings.broker_url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        ) as client:
            client.ping()
    except redis.RedisError as error:
        raise _NotReady(_describe_outage(error)) from None
    return "redis"


def _check_worker(sessions: Sessions) -> str:
    with sessions.read() as session:
        workers = Workers(session)
        pool, within_s = workers.count_live(), workers.max_silence.seconds
    newest = "none ever was" if pool.newest is None else f"the newest {pool.newest.total_seconds():.0f} s ago"
    if not pool.count:
        raise _NotReady(
            f"no worker was seen in the last {within_s} s ({newest}); start one with `kan-service worker`"
        )
    return f"{pool.count} seen in the last {within_s} s, {newest}"


def _check_queue(sessions: Sessions, *, max_wait_s: float = 30.0) -> str:
    """Workers may be alive and yet take no jobs: one waits for ``max_wait_s`` while none runs."""
    with sessions.read() as session:
        waiting_s = Jobs(session).measure_stall().total_seconds()
    if waiting_s > max_wait_s:
        raise _NotReady(
            f"jobs have been waiting for {waiting_s:.0f} s, and no worker takes one; "
            "restart `kan-service worker`, and check that every queue has a worker"
        )
    return "no job waits without a worker"
