"""Waiting for a job, and its cancellation by Ctrl-C."""

from contextlib import suppress

import typer

from service.cli.support.errors import EXIT_INTERRUPTED
from service.cli.support.live_progress import show_live_progress
from service.cli.support.output import print_message
from service.client import Client, ClientError, Dataset, Job, JobCancelled

CANCEL_MESSAGE = "cancelled, nothing is kept; --keep-best keeps the best network so far"
STUDY_CANCEL_MESSAGE = "cancelled; the models trained so far stay; --keep-best also keeps a table of them"


def wait_for_job(client: Client, job: Job, dataset: Dataset | None, *, keep_best: bool) -> Job:
    """Wait for a job and return it as it ended.

    Ctrl-C cancels the job. With ``keep_best`` the best result so far is kept; a second Ctrl-C drops it, too.

    Args:
        dataset: Dataset to delete if nothing is kept.
    """
    try:
        return _wait_with_progress(client, job)
    except KeyboardInterrupt:
        if keep_best and (best_job := _finish_with_best(client, job)):
            return best_job
        _cancel_and_delete(client, job, dataset)
        print_message(STUDY_CANCEL_MESSAGE if job.kind == "study" else CANCEL_MESSAGE)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _wait_with_progress(client: Client, job: Job) -> Job:
    with show_live_progress(job.kind) as progress:
        return client.wait(job, progress=progress)


def _finish_with_best(client: Client, job: Job) -> Job | None:
    """Cancel the job and return it with the best result so far; None if nothing is kept."""
    print_message("finishing the best result so far; press Ctrl-C again to drop it")
    with suppress(KeyboardInterrupt):
        _cancel(client, job, keep_best=True)
        try:
            return _wait_with_progress(client, job)
        except JobCancelled as error:
            if job.kind == "study":  # it has a table and no model
                return error.job
    return None


def _cancel_and_delete(client: Client, job: Job, dataset: Dataset | None, *, timeout_s: float = 15.0) -> None:
    """Cancel the job, wait up to ``timeout_s`` for its end, and delete the dataset."""
    _cancel(client, job, keep_best=False)
    with suppress(ClientError):
        client.wait(job, timeout_s, progress=False)
    if dataset is not None:
        with suppress(ClientError):
            client.delete(dataset)


def _cancel(client: Client, job: Job, *, keep_best: bool) -> None:
    with suppress(ClientError):  # it may just have ended
        client.cancel(job, keep_best=keep_best)
