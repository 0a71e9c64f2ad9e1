"""``kan-service train``: from a file to a network, its formula and its picture."""

import typer

from service.cli.support import training_options as wishes
from service.cli.support.connection import Key, Server, connected
from service.cli.support.dataset_upload import TableFile, table_of
from service.cli.support.files import as_picture
from service.cli.support.job_result import tell_trained
from service.cli.support.output import AsJson
from service.cli.support.waiting import ended_job


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(train)


def train(
    *,
    file: TableFile,
    target: wishes.Target = None,
    name: wishes.Name = None,
    max_seconds: wishes.MaxSeconds = None,
    task: wishes.Task = "auto",
    features: wishes.Features = None,
    drop: wishes.Drop = None,
    hidden: wishes.Hidden = None,
    grid: wishes.Grid = None,
    seed: wishes.Seed = None,
    test_fraction: wishes.TestFraction = None,
    no_formula: wishes.NoFormula = False,
    baselines: wishes.Baselines = None,
    picture: wishes.Picture = None,
    no_picture: wishes.NoPicture = False,
    keep_best: wishes.KeepBest = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train a network on a file, and print how good it is and its formula. Ctrl-C cancels the job."""
    wishes.check_goal(target, task, features)
    body = wishes.body_of(
        name=name,
        max_seconds=max_seconds,
        task=task,
        seed=seed,
        hidden=hidden,
        grid=grid,
        test_fraction=test_fraction,
        no_formula=no_formula,
        baselines=baselines,
    )
    picture = picture and as_picture(picture, "--picture")
    with connected(server, key) as client:
        with table_of(client, file) as dataset:
            columns = wishes.features_of(dataset, target, features, drop)
            job = client.submit(dataset, target, **body | columns)
        ended = ended_job(client, job, dataset, keep_best=keep_best)
        tell_trained(client, ended, picture=picture, no_picture=no_picture, as_json=as_json, server=server)
