"""A worker that dies at a certain point of a job: another one finishes it, once, and nothing is left over."""

import pytest

from tests.faults import points
from tests.faults.workers import Workers

ANYWHERE = (
    points.CLAIMED,
    points.TRAINING,
    points.CHECKPOINT_WRITTEN,
    points.ARTIFACT_WRITTEN,
    points.BEFORE_THE_LAST_COMMIT,
    points.AFTER_THE_LAST_COMMIT,
)
CASES = [
    *[pytest.param(mode, point) for mode in ("one machine", "many machines") for point in ANYWHERE],
    pytest.param("one machine", points.ADOPTED),
]
pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(("settings", "point"), CASES, indirect=["settings"])
def test_a_job_is_done_once_wherever_its_process_dies(workers: Workers, point: str) -> None:
    workers.start(KAN_TEST_CRASH_AT=point)
    job_id = workers.submit(steps="12", step_s="0.05")
    workers.wait_for_note("crash")
    workers.start()
    workers.assert_done_once(job_id)
    is_over = point == points.AFTER_THE_LAST_COMMIT
    assert workers.read(job_id).attempt == (1 if is_over else 2)
    assert (("queued", "worker_lost") in workers.statuses(job_id)) is not is_over
    if point == points.TRAINING:
        assert workers.notes("start")[-1].endswith("at 5")
    next_id = workers.submit(steps="1")
    workers.assert_done_once(next_id)
    workers.assert_nothing_lies_about()
