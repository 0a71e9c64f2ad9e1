"""``kan-service train``: train a network on a table, print its formula and draw it."""

import typer

from service.cli.support import table_source, training_options
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import check_picture_path
from service.cli.support.job_result import print_trained_model
from service.cli.support.output import AsJson
from service.cli.support.waiting import wait_for_job


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(train)


def train(
    *,
    table: table_source.Table,
    target: training_options.Target = None,
    name: training_options.Name = None,
    max_seconds: training_options.MaxSeconds = None,
    task: training_options.Task = "auto",
    features: training_options.Features = None,
    drop: training_options.Drop = None,
    weight: training_options.Weight = None,
    target_error: training_options.TargetError = None,
    must_use: training_options.MustUse = None,
    max_constants: training_options.MaxConstants = None,
    functions: training_options.Functions = None,
    monotone: training_options.Monotone = None,
    bounds: training_options.Bounds = None,
    hidden: training_options.Hidden = None,
    grid: training_options.Grid = None,
    seed: training_options.Seed = None,
    test_fraction: training_options.TestFraction = None,
    no_formula: training_options.NoFormula = False,
    no_compact: training_options.NoCompact = False,
    form: training_options.Form = None,
    constant: training_options.Constants = None,
    per_group: training_options.PerGroup = None,
    own: training_options.Own = None,
    unit: training_options.Units = None,
    units: training_options.UnitModes = None,
    missing: table_source.Missing = None,
    repeated_rows: table_source.RepeatedRows = "keep",
    swap_day_and_month: table_source.SwapDayAndMonth = None,
    encoding: table_source.Encoding = None,
    serve: training_options.ServeOption = None,
    max_edges: training_options.MaxEdges = None,
    baselines: training_options.Baselines = None,
    picture: training_options.Picture = None,
    no_picture: training_options.NoPicture = False,
    keep_best: training_options.KeepBest = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train a network on a table; print its metrics and its formula. Ctrl-C cancels the job."""
    training_options.check_goal(target, task, features)
    body = training_options.make_body(
        name=name,
        max_seconds=max_seconds,
        task=task,
        seed=seed,
        weight=weight,
        target_error=target_error,
        max_constants=max_constants,
        functions=functions,
        monotone=monotone or None,
        bounds=bounds,
        hidden=hidden,
        grid=grid,
        test_fraction=test_fraction,
        no_formula=no_formula,
        no_compact=no_compact,
        form=form,
        constants=constant,
        per_group=per_group,
        own=own,
        units=units,
        serve=serve,
        max_edges=max_edges,
        baselines=baselines,
    )
    picture = picture and check_picture_path(picture, "--picture")
    corrections = table_source.read_corrections(unit, missing, repeated_rows, swap_day_and_month, encoding)
    with connect(server, key) as client:
        with table_source.open_dataset(client, table, **corrections) as source:
            columns = training_options.select_features(source.dataset, [target or ""], features, drop)
            columns |= training_options.select_wanted(source.dataset, must_use)
            job = client.submit(source.dataset, target, **body | columns)
        final_job = wait_for_job(client, job, source.disposable, keep_best=keep_best)
        print_trained_model(
            client, final_job, picture=picture, no_picture=no_picture, as_json=as_json, server=server
        )
