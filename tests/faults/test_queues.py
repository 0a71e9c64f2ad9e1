"""Workers that take from some queues only, as real processes in both modes."""

from tests.faults.workers import Workers


def test_a_worker_for_predictions_leaves_trainings_to_others(workers: Workers) -> None:
    training, prediction = workers.submit(), workers.submit_prediction()
    workers.start(queues="batch,short")
    assert workers.wait_for_end(prediction).status == "succeeded", workers.output()
    assert (workers.read(training).status, workers.read(training).attempt) == ("queued", 0)
    assert workers.notes("start") == []
