"""``python -m service.healthcheck api|worker``: the health check of a container; exit code 0 means healthy.

The API is healthy while it responds. A worker has no port: it is healthy while the worker row of its
host is fresh. ``/health/ready`` applies the same criterion to all workers.
"""

import socket
import sys
import urllib.request
from datetime import timedelta

from sqlalchemy import select

from service.db.session import clock, make_engine, make_sessions
from service.db.tables import Worker
from service.settings import Settings, load_settings

TIMEOUT_S = 3
MAX_HEARTBEAT_AGE = timedelta(seconds=30)


def is_healthy(process: str, settings: Settings, host: str) -> bool:
    """Whether the ``api`` on this machine responds, or a ``worker`` of this host had a recent heartbeat."""
    return _is_worker_alive(settings, host) if process == "worker" else _is_api_alive(settings.port)


def _is_api_alive(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/health/live"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _is_worker_alive(settings: Settings, host: str) -> bool:
    engine = make_engine(settings)
    try:
        with make_sessions(engine).read() as session:
            since = clock(session) - MAX_HEARTBEAT_AGE
            fresh = select(Worker.id).where(Worker.host == host, Worker.seen_at >= since)
            return session.scalars(fresh).first() is not None
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1], load_settings(), socket.gethostname()) else 1)
