"""``python -m worker``: a Celery worker that executes jobs, and a thread for housekeeping."""

import logging
import os
import sys
from collections.abc import Callable, Sequence

from celery import Celery
from joblib import cpu_count

from service.db.session import Sessions, make_engine, make_sessions
from service.observability import logs
from service.queue import (
    EMBEDDED_BROKER_URL,
    JOB_TASK,
    QUEUE_BY_KIND,
    BrokenTransport,
    load_transport,
    make_queue,
)
from service.settings import InvalidSettings, Settings, load_settings
from service.settings_report import log_settings
from worker.runtime import housekeeping
from worker.runtime.celery_app import TASK_MODULES, make_app, run_worker
from worker.runtime.dispatcher import Dispatcher
from worker.runtime.housekeeping import PeriodicTask
from worker.runtime.limits import DEFAULT_RUNTIME, RuntimeLimits
from worker.runtime.machine import count_slots
from worker.runtime.retention import delete_expired
from worker.runtime.short_jobs import ShortJobs
from worker.tasks import work_shortly
from worker.webhooks.dispatcher import WebhookDispatcher
from worker.webhooks.limits import DEFAULT_WEBHOOKS, WebhookLimits

log = logging.getLogger(__name__)

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(
    settings: Settings,
    tasks: Sequence[str] = TASK_MODULES,
    limits: RuntimeLimits = DEFAULT_RUNTIME,
    webhook_limits: WebhookLimits = DEFAULT_WEBHOOKS,
    run_short: Callable[[str, str], object] = work_shortly,
    *,
    report_period_s: float = 5.0,
) -> int:
    """Run a worker until a signal stops it, and return the exit code.

    Args:
        tasks: Modules that define the Celery tasks.
        limits: Times and numbers of the worker and its processes.
        webhook_limits: The same for webhooks.
        run_short: Executes a short job in its process, by its id and token.
        report_period_s: Between two registrations of the worker.

    Raises:
        BrokenTransport: The client library of the broker does not work. The worker is not registered then.
    """
    if settings.broker_url != EMBEDDED_BROKER_URL:
        load_transport()
    logs.configure(as_json=settings.log_format == "json")
    settings = settings.model_copy(update={"worker_slots": count_slots(settings)})
    log_settings(settings)
    _set_thread_counts(settings)
    engine = make_engine(settings)
    sessions, app = make_sessions(engine), make_app(settings, tasks, limits=limits)
    presence, dispatcher = (
        housekeeping.WorkerRegistration(sessions, settings),
        _make_dispatcher(app, sessions, settings, limits),
    )
    chores = [
        PeriodicTask(report_period_s, lambda: _update_registration(presence, dispatcher)),
        PeriodicTask(
            min(1.0, settings.heartbeat_s), lambda: housekeeping.requeue_lost_jobs(sessions, settings)
        ),
        PeriodicTask(limits.cleanup_period_s, lambda: housekeeping.delete_finished_checkpoints(sessions)),
        PeriodicTask(limits.cleanup_period_s, lambda: housekeeping.delete_finished_subtasks(sessions)),
        PeriodicTask(limits.cleanup_period_s, lambda: delete_expired(sessions, settings, limits)),
        _make_queue_task(dispatcher, sessions, settings),
    ]
    short = None
    if settings.short_jobs == "on":
        short = ShortJobs(app, sessions, settings, run_short, limits)
        chores.append(PeriodicTask(settings.poll_s, short.dispatch))
    thread = housekeeping.HousekeepingThread(chores, pause_s=settings.poll_s, limits=limits)
    webhooks = WebhookDispatcher(sessions, settings, webhook_limits)
    if settings.webhooks != "off":
        chores += _make_webhook_tasks(webhooks, webhook_limits)

    def stop() -> None:
        thread.stop()
        webhooks.close()
        dispatcher.close()
        if short is not None:
            short.close(settings.drain_s)
        presence.withdraw()

    if short is not None:
        short.start()
    thread.start()
    return run_worker(app, queues=settings.queues, on_stop=stop, drain_s=settings.drain_s, limits=limits)


def _update_registration(presence: housekeeping.WorkerRegistration, dispatcher: Dispatcher) -> None:
    """Register this worker, or remove it if it is stuck: readiness counts only workers that execute jobs."""
    if dispatcher.is_stuck:
        log.error("no process takes up the jobs of this worker")
        presence.withdraw()
    else:
        presence.report()


def _make_dispatcher(
    app: Celery, sessions: Sessions, settings: Settings, limits: RuntimeLimits
) -> Dispatcher:
    def send(kind: str, job_id: str, token: str) -> None:
        app.send_task(JOB_TASK, (job_id, token), queue=QUEUE_BY_KIND[kind])

    return Dispatcher(sessions, settings, send, limits)


def _make_queue_task(
    dispatcher: Dispatcher, sessions: Sessions, settings: Settings, *, republish_period_s: float = 1.0
) -> PeriodicTask:
    """Return the task for the queue.

    Without a broker it claims queued jobs; with one it republishes the jobs that no message announces.

    Args:
        republish_period_s: Between two checks for jobs that no message announces.
    """
    if settings.broker_url == EMBEDDED_BROKER_URL:
        return PeriodicTask(settings.poll_s, dispatcher.dispatch)
    queue = make_queue(settings)
    return PeriodicTask(republish_period_s, lambda: housekeeping.republish_jobs(sessions, queue))


def _make_webhook_tasks(webhooks: WebhookDispatcher, limits: WebhookLimits) -> list[PeriodicTask]:
    """Return the tasks that send messages and delete old ones.

    With ``auto`` every worker sends what is there: whether jobs may have webhooks is the decision of the API.
    """
    return [
        PeriodicTask(limits.poll_period_s, webhooks.dispatch),
        PeriodicTask(limits.cleanup_period_s, webhooks.delete_old),
    ]


def _set_thread_counts(settings: Settings) -> None:
    """Set the number of threads per job for all child processes.

    It is set once, because only the same number of threads gives the same network.
    """
    threads = settings.worker_threads or max(1, cpu_count() // settings.worker_slots)
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)


if __name__ == "__main__":
    try:
        sys.exit(main(load_settings()))
    except (InvalidSettings, BrokenTransport) as error:
        sys.exit(f"kan-service worker: {error}")
