"""Waiting for a training, and what Ctrl-C makes of it."""

from contextlib import suppress

import typer

from service.cli.errors import INTERRUPTED
from service.cli.live import followed
from service.cli.output import say
from service.client import Client, ClientError, Dataset, Job, JobCancelled

GIVEN_UP_WITHIN_S = 15.0


def ended_job(client: Client, job: Job, dataset: Dataset, *, keep_best: bool) -> Job:
    """The job with its model.

    Ctrl-C cancels it: then nothing is kept, or the best so far, if that was wished; another one drops it.
    """
    try:
        return _waited_for(client, job)
    except KeyboardInterrupt:
        if keep_best:
            say("finishing the best network so far; Ctrl-C drops it, too")
            with suppress(JobCancelled, KeyboardInterrupt):
                _cancel(client, job, keep_best=True)
                return _waited_for(client, job)
        _give_up(client, job, dataset)
        say("cancelled, nothing is kept; --keep-best keeps the best so far")
        raise typer.Exit(INTERRUPTED) from None


def _waited_for(client: Client, job: Job) -> Job:
    with followed() as progress:
        return client.wait(job, progress=progress)


def _give_up(client: Client, job: Job, dataset: Dataset) -> None:
    """Cancel the job and take the table away, once nothing works on it any more."""
    _cancel(client, job, keep_best=False)
    with suppress(ClientError):
        client.wait(job, GIVEN_UP_WITHIN_S, progress=False)
    with suppress(ClientError):
        client.delete(dataset)


def _cancel(client: Client, job: Job, *, keep_best: bool) -> None:
    with suppress(ClientError):  # it may have ended at this moment
        client.cancel(job, keep_best=keep_best)
