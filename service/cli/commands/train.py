"""``kan-service train``: train a network on a table, print its formula and draw it."""

from typing import Any

from service.cli.fields.options import take_body
from service.cli.support import table_source, training_options
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import check_picture_path
from service.cli.support.job_result import print_trained_model
from service.cli.support.output import AsJson
from service.cli.support.waiting import wait_for_job


@take_body("train")
def train(
    *,
    table: table_source.Table,
    target: training_options.Target = None,
    features: training_options.Features = None,
    drop: training_options.Drop = None,
    body: dict[str, Any],
    unit: training_options.Units = None,
    missing: table_source.Missing = None,
    repeated_rows: table_source.RepeatedRows = "keep",
    swap_day_and_month: table_source.SwapDayAndMonth = None,
    encoding: table_source.Encoding = None,
    picture: training_options.Picture = None,
    no_picture: training_options.NoPicture = False,
    keep_best: training_options.KeepBest = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train a network on a table; print its metrics and its formula. Ctrl-C cancels the job."""
    training_options.check_training(body, target, features)
    picture = picture and check_picture_path(picture, "--picture")
    corrections = table_source.read_corrections(unit, missing, repeated_rows, swap_day_and_month, encoding)
    with connect(server, key) as client:
        with table_source.open_dataset(client, table, **corrections) as source:
            columns = training_options.select_features(source.dataset, [target or ""], features, drop)
            columns |= training_options.select_wanted(source.dataset, body.get("must_use"))
            job = client.submit(source.dataset, target, **body | columns)
        final_job = wait_for_job(client, job, source.disposable, keep_best=keep_best)
        print_trained_model(
            client, final_job, picture=picture, no_picture=no_picture, as_json=as_json, server=server
        )
