"""A way through every operation of the API, with a model that was really trained."""

from pathlib import Path

from fastapi.testclient import TestClient

from service.db.migrate import upgrade
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import Job
from service.main import create_app
from service.schemas.job_kinds import JOB_KINDS
from service.settings import Settings
from tests.support.servers import LOOPBACK
from tests.tour.noting import Document, Tour, settled
from tests.tour.refusals import meet_failures, meet_strangers, refuse_everywhere
from tests.tour.things import (
    see_datasets,
    see_ends,
    see_evaluations,
    see_health,
    see_jobs,
    see_models,
    see_next_rows,
    see_protocol,
    see_webhooks,
)
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

KINDS = [kind for kind in JOB_KINDS if kind != "symbolic"]  # its job is shown as it waits


def make_tour(folder: Path) -> Document:
    """Go all the way; what was noted, with ids and times that are the same each time."""
    url = f"sqlite:///{folder / 'kan.db'}"
    settings = Settings(data_dir=folder, database_url=url, max_predict_rows=1_000, webhooks="on")
    upgrade(settings)
    app = create_app(settings)
    with TestClient(app, base_url=LOOPBACK) as client:
        tour = Tour(client)
        sessions: Sessions = app.state.sessions
        see_health(tour, sessions)

        def work() -> None:
            while job := next_job(sessions):
                run_job(job.id, job.token, sessions, settings, work_of=HANDLERS.__getitem__)

        ids = see_jobs(tour, see_datasets(tour), work)
        see_models(tour, ids)
        see_evaluations(tour, ids)
        see_next_rows(tour)
        see_protocol(tour)
        see_ends(tour, ids)
        see_webhooks(tour, ids)
        refuse_everywhere(tour)
    meet_strangers(tour, settings, sessions)
    meet_failures(tour, settings)
    return settled({"operations": tour.noted, "problems": tour.problems})


def next_job(sessions: Sessions) -> Job | None:
    """What a worker would do next."""
    with sessions.begin() as session:
        return Jobs(session).claim_next(kinds=KINDS, lease_s=60)
