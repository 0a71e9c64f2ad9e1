"""Whatever is killed with -9 at whatever stage of a job: the job is done, and done once."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults import points
from tests.faults.conftest import LEASE_S
from tests.faults.deployment import IDLE, ONE_MACHINE, VICTIMS, Deployment, deployed
from tests.faults.workers import pid_in

STAGES = ("queued", "starting", "training", "storing")
IN_EVERY_TEST_RUN = (ONE_MACHINE, "api", "training")  # of the other victims, test_lost_*.py kills one each
CASES = [
    pytest.param(*case, marks=[] if case == IN_EVERY_TEST_RUN else [pytest.mark.thorough])
    for case in [
        (mode, victim, stage)
        for mode in VICTIMS
        for victim in VICTIMS[mode]
        for stage in STAGES
        if victim != IDLE
    ]
]


@pytest.mark.parametrize(("mode", "victim", "stage"), CASES)
def test_a_job_is_done_once_whatever_is_killed(mode: str, victim: str, stage: str, tmp_path: Path) -> None:
    with deployed(mode, tmp_path, lease_s=LEASE_S) as service:
        service.start("api")
        service.start("worker", KAN_TEST_HOLD_AT=_hold_at(mode, stage))
        service.wait_for_api()
        jobs = _submit(service, stage)
        busy = _wait_for(service, stage)
        if victim == "child":
            os.kill(busy, signal.SIGKILL)
        else:
            service.kill(victim)
        service.workers.tell("go")
        if victim != "child":
            service.start(victim)
        for job_id in jobs:
            service.workers.assert_done_once(job_id)
        service.wait_for_api()
        assert service.get(f"/jobs/{jobs[-1]}")["status"] == "succeeded"
        service.workers.assert_nothing_lies_about()


def _hold_at(mode: str, stage: str) -> str:
    """Where the process that trains waits for the killer; it needs no waiting in a long training."""
    starting = points.ADOPTED if mode == ONE_MACHINE else points.CLAIMED
    return {"starting": starting, "storing": points.BEFORE_THE_LAST_COMMIT}.get(stage, "")


def _submit(service: Deployment, stage: str) -> list[str]:
    """The job; one that is to stay queued has another before it."""
    dataset_id = service.workers.add_dataset()
    short = {"steps": "10", "step_s": "0.05"}
    if stage in ("starting", "storing"):
        return [service.submit(dataset_id, **short)]
    jobs = [service.submit(dataset_id, steps="30")]
    if stage == "queued":
        service.workers.wait_for_note("start")
        jobs.append(service.submit(dataset_id, **short))
        assert service.get(f"/jobs/{jobs[1]}")["status"] == "queued"
    return jobs


def _wait_for(service: Deployment, stage: str) -> int:
    """The process that has the worker's only slot, once the job is where it is to be."""
    if stage == "training":
        service.workers.wait_for_note("saved 5")
    return pid_in(service.workers.wait_for_note("start" if stage in ("queued", "training") else "hold"))
