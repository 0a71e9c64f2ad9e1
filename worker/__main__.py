"""``python -m worker``: a Celery worker that executes jobs, and a thread for housekeeping."""

import logging
import os
import sys
from collections.abc import Sequence

from celery import Celery

from service.db.session import Sessions, make_engine, make_sessions
from service.observability import logs
from service.queue import EMBEDDED, JOB_TASK, QUEUE_OF, BrokenTransport, load_transport, make_queue
from service.settings import InvalidSettings, Settings, load_settings
from service.settings_report import log_settings
from worker.runtime import housekeeping
from worker.runtime.celery_app import TASKS, make_app, run_worker
from worker.runtime.dispatcher import Dispatcher
from worker.runtime.housekeeping import Chore
from worker.runtime.retention import retain

log = logging.getLogger(__name__)

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(settings: Settings, tasks: Sequence[str] = TASKS) -> int:
    """Run a worker until a signal stops it, and return the exit code.

    Args:
        tasks: Modules that define the Celery tasks.

    Raises:
        BrokenTransport: The client library of the broker does not work. The worker is not registered then.
    """
    if settings.broker_url != EMBEDDED:
        load_transport()
    logs.configure(as_json=settings.log_format == "json")
    log_settings(settings)
    _share_cores(settings)
    engine = make_engine(settings)
    sessions, app = make_sessions(engine), make_app(settings, tasks)
    presence, dispatcher = housekeeping.Presence(sessions, settings), _dispatcher(app, sessions, settings)
    chores = [
        Chore(housekeeping.REPORT_S, lambda: _report(presence, dispatcher)),
        Chore(min(1.0, settings.heartbeat_s), lambda: housekeeping.reap(sessions, settings)),
        Chore(housekeeping.CLEAN_UP_S, lambda: housekeeping.drop_checkpoints(sessions)),
        Chore(housekeeping.CLEAN_UP_S, lambda: housekeeping.drop_parts(sessions)),
        Chore(housekeeping.CLEAN_UP_S, lambda: retain(sessions, settings)),
        _queue_chore(dispatcher, sessions, settings),
    ]
    thread = housekeeping.Upkeep(chores, pause_s=settings.poll_s)

    def stop() -> None:
        thread.stop()
        dispatcher.close()
        presence.withdraw()

    thread.start()
    return run_worker(app, queues=settings.queues, on_stop=stop, drain_s=settings.drain_s)


def _report(presence: housekeeping.Presence, dispatcher: Dispatcher) -> None:
    """Register this worker, or remove it if it is stuck: readiness counts only workers that execute jobs."""
    if dispatcher.is_stuck:
        log.error("no process takes up the jobs of this worker")
        presence.withdraw()
    else:
        presence.report()


def _dispatcher(app: Celery, sessions: Sessions, settings: Settings) -> Dispatcher:
    def send(kind: str, job_id: str, token: str) -> None:
        app.send_task(JOB_TASK, (job_id, token), queue=QUEUE_OF[kind])

    return Dispatcher(sessions, settings, send)


def _queue_chore(dispatcher: Dispatcher, sessions: Sessions, settings: Settings) -> Chore:
    """Return the task for the queue.

    Without a broker it claims queued jobs; with one it republishes the jobs that no message announces.
    """
    if settings.broker_url == EMBEDDED:
        return Chore(settings.poll_s, dispatcher.dispatch)
    queue = make_queue(settings)
    return Chore(housekeeping.RING_S, lambda: housekeeping.ring_again(sessions, queue))


def _share_cores(settings: Settings) -> None:
    """Set the number of threads per job for all child processes.

    It is set once, because only the same number of threads gives the same network.
    """
    threads = settings.worker_threads or max(1, (os.cpu_count() or 1) // settings.worker_slots)
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)


if __name__ == "__main__":
    try:
        sys.exit(main(load_settings()))
    except (InvalidSettings, BrokenTransport) as error:
        sys.exit(f"kan-service worker: {error}")
