"""``python -m service.healthcheck api|worker``: the health check of a container; exit code 0 means healthy.

The API is healthy while it responds. A worker has no port: it is healthy while the worker row of its
host is fresh. ``/health/ready`` asks the same of all workers, sooner.
"""

import socket
import sys
import urllib.request
from datetime import timedelta

from sqlalchemy import select

from service.db.session import clock, make_engine, make_sessions
from service.db.tables import Worker
from service.settings import Settings, load_settings


def is_healthy(
    process: str,
    settings: Settings,
    host: str,
    *,
    timeout_s: float = 3,
    max_heartbeat_age: timedelta = timedelta(seconds=30),
) -> bool:
    """Whether the ``api`` on this machine responds, or a ``worker`` of this host had a recent heartbeat."""
    if process == "worker":
        return _is_worker_alive(settings, host, max_heartbeat_age)
    return _is_api_alive(settings.port, timeout_s)


def _is_api_alive(port: int, timeout_s: float) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/health/live"
        with urllib.request.urlopen(url, timeout=timeout_s) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _is_worker_alive(settings: Settings, host: str, max_heartbeat_age: timedelta) -> bool:
    engine = make_engine(settings)
    try:
        with make_sessions(engine).read() as session:
            since = clock(session) - max_heartbeat_age
            fresh = select(Worker.id).where(Worker.host == host, Worker.seen_at >= since)
            return session.scalars(fresh).first() is not None
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1], load_settings(), socket.gethostname()) else 1)
