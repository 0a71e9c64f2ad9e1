"""``kan-service fix``: another formula of a model, guided by a person."""

from typing import Any

import typer

from service.cli.fields.options import take_body
from service.cli.support import training_options
from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import check_picture_path
from service.cli.support.job_result import print_trained_model
from service.cli.support.output import AsJson
from service.cli.support.waiting import wait_for_job

KIND = "symbolic"


@take_body(KIND)
def fix(
    *,
    model: Model,
    body: dict[str, Any],
    picture: training_options.Picture = None,
    no_picture: training_options.NoPicture = False,
    keep_best: training_options.KeepBest = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Search another formula of a model, with functions on edges or other wishes; it is the next version.

    Choosing a formula that the model already has, or the member that answers, takes no training.
    """
    picture = picture and check_picture_path(picture, "--picture")
    changes = body.keys() - {"name", "max_seconds"}
    if "choose" in body and changes & {"fix", "forbid", "drop", "max_complexity"}:
        words = "it selects a formula that the model has; omit --edge, --forbid, --drop and --max-complexity"
        raise typer.BadParameter(words, param_hint="--choose")
    if not changes:
        words = "give --edge, --forbid, --max-complexity, --drop, --choose, --serve or --max-edges"
        raise typer.BadParameter(words)
    with connect(server, key) as client:
        job = client.submit(kind=KIND, model_id=model, **body)
        final_job = wait_for_job(client, job, None, keep_best=keep_best)
        print_trained_model(
            client, final_job, picture=picture, no_picture=no_picture, as_json=as_json, server=server
        )
