"""``kan-service``: commands that run the processes of the service, and commands for users."""

import typer

from service.cli.commands import (
    administration,
    datasets,
    doctor,
    fit_group,
    formula,
    jobs,
    keys,
    models,
    plot,
    predict,
    processes,
    solve,
    study,
    train,
)

ENDS = "Exit codes: 0 for success, 1 for a failure, 2 for wrong use, 130 for Ctrl-C."

app = typer.Typer(
    help="Train Kolmogorov-Arnold Networks on tables, and print them as formulas.",
    epilog=ENDS,
    no_args_is_help=True,
    rich_markup_mode=None,  # boxes take space from the text, and rich parses brackets as markup
    pretty_exceptions_show_locals=False,  # they may contain keys
)
for command in (train, solve, study, fit_group, predict, formula, plot):
    command.add_to(app)
app.add_typer(datasets.app, name="datasets")
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
processes.add_to(app)
app.add_typer(keys.app, name="keys")
doctor.add_to(app)
administration.add_to(app)
