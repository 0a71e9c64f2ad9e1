"""``kan-service fit-group``: the own constants of a new group, for a model with constants per group."""

from typing import Annotated, Any

import typer

from service.cli.fields.options import take_body
from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.job_result import print_trained_model
from service.cli.support.output import AsJson
from service.cli.support.table_source import Table, open_dataset
from service.cli.support.waiting import wait_for_job


@take_body("symbolic", only=("name",))
def fit_group(
    *,
    model: Model,
    table: Table,
    group: Annotated[str, typer.Option(help="Name of the new group in the column of the groups.")],
    body: dict[str, Any],
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Fit the constants of a new group to its rows in a table; the result is the next version of the model.

    The model was trained with --per-group. Its shared constants stay.
    """
    with connect(server, key) as client:
        with open_dataset(client, table) as source:
            group_request = {"name": group, "dataset_id": source.dataset.id}
            job = client.submit(kind="symbolic", model_id=model, fit_group=group_request, **body)
        final_job = wait_for_job(client, job, source.disposable, keep_best=False)
        print_trained_model(client, final_job, picture=None, no_picture=True, as_json=as_json, server=server)
