"""Waiting for a job, and its cancellation by Ctrl-C."""

from contextlib import suppress

import typer

from service.cli.support.errors import INTERRUPTED
from service.cli.support.live_progress import followed
from service.cli.support.output import say
from service.client import Client, ClientError, Dataset, Job, JobCancelled

GIVEN_UP_WITHIN_S = 15.0
GIVEN_UP = "cancelled, nothing is kept; --keep-best keeps the best network so far"
STUDY_GIVEN_UP = "cancelled; the models trained so far stay; --keep-best also keeps a table of them"


def ended_job(client: Client, job: Job, dataset: Dataset | None, *, keep_best: bool) -> Job:
    """Wait for a job and return it as it ended.

    Ctrl-C cancels the job. With ``keep_best`` the best result so far is kept; a second Ctrl-C drops it, too.

    Args:
        dataset: Dataset to delete if nothing is kept.
    """
    try:
        return _waited_for(client, job)
    except KeyboardInterrupt:
        if keep_best and (kept := _kept(client, job)):
            return kept
        _give_up(client, job, dataset)
        say(STUDY_GIVEN_UP if job.kind == "study" else GIVEN_UP)
        raise typer.Exit(INTERRUPTED) from None


def _waited_for(client: Client, job: Job) -> Job:
    with followed(job.kind) as progress:
        return client.wait(job, progress=progress)


def _kept(client: Client, job: Job) -> Job | None:
    """Cancel the job and return it with the best result so far; None if nothing is kept."""
    say("finishing the best result so far; press Ctrl-C again to drop it")
    with suppress(KeyboardInterrupt):
        _cancel(client, job, keep_best=True)
        try:
            return _waited_for(client, job)
        except JobCancelled as cancelled:
            if job.kind == "study":  # it has a table and no model
                return cancelled.job
    return None


def _give_up(client: Client, job: Job, dataset: Dataset | None) -> None:
    """Cancel the job, wait for its end, and delete the dataset."""
    _cancel(client, job, keep_best=False)
    with suppress(ClientError):
        client.wait(job, GIVEN_UP_WITHIN_S, progress=False)
    if dataset is not None:
        with suppress(ClientError):
            client.delete(dataset)


def _cancel(client: Client, job: Job, *, keep_best: bool) -> None:
    with suppress(ClientError):  # it may just have ended
        client.cancel(job, keep_best=keep_best)
