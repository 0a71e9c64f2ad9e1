"""Workers that take from some queues only, as real processes in both modes."""

from tests.faults.workers import Workers


def test_a_short_job_does_not_wait_for_a_long_one(workers: Workers) -> None:
    workers.start(KAN_WORKER_SLOTS="1", KAN_SHORT_JOBS="on")
    training = workers.submit(steps="1000000")
    workers.wait_for_note("start")
    long, short = workers.submit_prediction(), workers.submit_prediction(estimated_seconds=2.0)
    assert workers.wait_for_end(short).status == "succeeded", workers.output()
    assert [workers.read(job_id).status for job_id in (training, long)] == ["running", "queued"]


def test_a_worker_for_predictions_leaves_trainings_to_others(workers: Workers) -> None:
    training, prediction = workers.submit(), workers.submit_prediction()
    workers.start(queues="batch,short")
    assert workers.wait_for_end(prediction).status == "succeeded", workers.output()
    assert (workers.read(training).status, workers.read(training).attempt) == ("queued", 0)
    assert workers.notes("start") == []
