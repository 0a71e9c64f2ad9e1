"""What state machines over the job table share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, multiple, run_state_machine_as_test
from sqlalchemy import Engine

from service.db.session import Sessions, make_engine
from service.db.tables import Job, TableBase
from service.settings import Settings

Claim = tuple[str, str]  # a job and a token


def empty(sessions: Sessions) -> None:
    """Delete every row."""
    with sessions.begin() as session:
        for table in reversed(TableBase.metadata.sorted_tables):
            session.execute(table.delete())


def claim_of(job: Job | None) -> Any:
    """What a claim gave; nothing if it gave nothing."""
    return (job.id, job.token) if job else multiple()


def run_machine(
    machine: Callable[[Engine], RuleBasedStateMachine], url: str, folder: Path, *, examples: int, steps: int
) -> None:
    """Run a machine over a database."""
    engine = make_engine(Settings(database_url=url, data_dir=folder))
    try:
        run_state_machine_as_test(
            lambda: machine(engine),
            settings=hypothesis_settings(max_examples=examples, stateful_step_count=steps, deadline=None),
        )
    finally:
        engine.dispose()
