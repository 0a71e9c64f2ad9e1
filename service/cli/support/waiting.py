"""Waiting for a training, and what Ctrl-C makes of it."""

from contextlib import suppress

import typer

from service.cli.support.errors import INTERRUPTED
from service.cli.support.live_progress import followed
from service.cli.support.output import say
from service.client import Client, ClientError, Dataset, Job, JobCancelled

GIVEN_UP_WITHIN_S = 15.0
GIVEN_UP = "cancelled, nothing is kept; --keep-best keeps the best so far"
STUDY_GIVEN_UP = "cancelled; models that were trained by then stay, --keep-best keeps a table of them, too"


def ended_job(client: Client, job: Job, dataset: Dataset | None, *, keep_best: bool) -> Job:
    """The job with what it has made.

    Ctrl-C cancels it: then nothing is kept, or the best so far, if that was wished; another one drops it.

    Args:
        dataset: A table that goes with the job, if nothing is kept.
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
    """The job as it ends with the best so far; None if nothing is to be kept after all."""
    say("finishing the best so far; Ctrl-C drops it, too")
    with suppress(KeyboardInterrupt):
        _cancel(client, job, keep_best=True)
        try:
            return _waited_for(client, job)
        except JobCancelled as cancelled:
            if job.kind == "study":  # it leaves a table, and no model
                return cancelled.job
    return None


def _give_up(client: Client, job: Job, dataset: Dataset | None) -> None:
    """Cancel the job and take the table away, once nothing works on it any more."""
    _cancel(client, job, keep_best=False)
    with suppress(ClientError):
        client.wait(job, GIVEN_UP_WITHIN_S, progress=False)
    if dataset is not None:
        with suppress(ClientError):
            client.delete(dataset)


def _cancel(client: Client, job: Job, *, keep_best: bool) -> None:
    with suppress(ClientError):  # it may have ended at this moment
        client.cancel(job, keep_best=keep_best)
