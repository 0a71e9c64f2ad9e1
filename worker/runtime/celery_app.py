"""The Celery app and its worker process.

The row of a job is its only state; a message only announces that a job waits. So messages are acknowledged
late and not redelivered, results are ignored, and the limits of Celery should never be reached.
"""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning
from celery.loaders.app import AppLoader
from celery.worker import state

from service.queue import EMBEDDED_BROKER_URL, JSON_ONLY, REDIS_OPTIONS
from service.settings import Settings
from worker.runtime.limits import RuntimeLimits

TASK_MODULES = ("worker.tasks",)

WORKER_OPTIONS: Mapping[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": False,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "worker_pool": "worker.runtime.process_pool:SlotPool",
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
}


class ModuleLoader(AppLoader):  # type: ignore[misc]  # celery has no types
    """Imports modules as Python does; Celery's own loader searches the working folder first."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:  # noqa: ARG002
        """Import a module without searching the folder that the worker was started in."""
        return self.import_module(module, package=package)


def make_app(settings: Settings, tasks: Sequence[str] = TASK_MODULES, *, limits: RuntimeLimits) -> Celery:
    """Make the Celery app for the broker in the settings, without a connection.

    Args:
        tasks: Modules that every process of the worker imports.
        limits: For the pool of processes, which reads them from the app's setting ``runtime_limits``.
    """
    broker_url = "memory://localhost/" if settings.broker_url == EMBEDDED_BROKER_URL else settings.broker_url
    app = Celery("kan-worker", broker=broker_url, include=list(tasks), loader=ModuleLoader)
    app.conf.update(
        **JSON_ONLY,
        **WORKER_OPTIONS,
        **_slot_options(settings),
        broker_transport_options=_transport_options(settings),
        worker_concurrency=settings.worker_slots,
        worker_max_tasks_per_child=limits.jobs_per_process,
        worker_proc_alive_timeout=limits.start_timeout_s,
        task_time_limit=settings.max_job_seconds + limits.start_timeout_s,
        runtime_limits=limits,
    )
    return app


def run_worker(
    app: Celery, *, queues: Sequence[str], on_stop: Callable[[], None], drain_s: float, limits: RuntimeLimits
) -> int:
    """Run the worker until a signal stops it, and return the exit code.

    Args:
        queues: Queues to consume.
        on_stop: Called on the signal, in a separate thread.
        drain_s: Time for running jobs to be released; after it the process ends in any case.
        limits: When a stopping worker counts as idle.
    """

    def start_drain(**_: Any) -> None:
        if drain.ident is None:  # a second signal changes nothing
            drain.start()

    # The warning does not apply, because only JSON is accepted: no content of a message is executed.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    signals.worker_shutting_down.connect(start_drain, weak=False)
    signals.worker_ready.connect(_stop_on_interrupt, weak=False)
    worker = app.Worker(
        queues=queues,
        loglevel="INFO",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    end = (on_stop, worker.pool.terminate, drain_s, limits)
    drain = threading.Thread(target=_drain_jobs, args=end, name="drain", daemon=True)
    # Else children log in another format until they have read the settings
    os.environ.pop("_MP_FORK_LOGLEVEL_", None)
    worker.start()
    return int(worker.exitcode or 0)


def _slot_options(settings: Settings) -> dict[str, Any]:
    """Return the options under which a message is taken only while a process is free.

    With Redis the worker counts free processes, not unacknowledged messages. If an acknowledgement fails
    because the broker is down, the message stays unacknowledged for ever and would block its slot.
    """
    if settings.broker_url == EMBEDDED_BROKER_URL:
        return {"worker_prefetch_multiplier": 1}
    return {"worker_prefetch_multiplier": 0, "worker_disable_prefetch": True}


def _transport_options(settings: Settings) -> dict[str, Any]:
    if settings.broker_url == EMBEDDED_BROKER_URL:
        return {"polling_interval": settings.poll_s}
    return {
        **REDIS_OPTIONS,
        "visibility_timeout": settings.max_job_seconds + 3600,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "health_check_interval": 25,
    }


def _stop_on_interrupt(**_: Any) -> None:
    """Handle SIGINT (Ctrl-C) like SIGTERM: running jobs go back to the queue."""
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))


def _drain_jobs(
    on_stop: Callable[[], None],
    end_processes: Callable[[], None],
    drain_s: float,
    limits: RuntimeLimits,
    *,
    min_idle_polls: int = 3,
) -> None:
    """Signal every busy child process to release its job, then end this process.

    Celery's warm shutdown waits for jobs without notifying them, so each child process gets a signal. The
    rest of Celery's shutdown takes five seconds and is not needed.

    Args:
        min_idle_polls: Consecutive checks until a stopping worker counts as idle: messages may be in transit.
    """
    last_resort = threading.Timer(drain_s, os._exit, (0,))
    last_resort.daemon = True
    last_resort.start()
    stopping = threading.Thread(target=on_stop, name="stopping", daemon=True)
    stopping.start()  # in a thread, because waiting for the database must not delay the signals
    pids: set[int] = set()
    idle = 0
    while idle < min_idle_polls:
        for pid in {request.worker_pid for request in tuple(state.active_requests)} - pids - {None}:
            pids.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        time.sleep(limits.poll_period_s)
        idle = 0 if state.reserved_requests else idle + 1
    stopping.join()
    end_processes()
    os._exit(0)
