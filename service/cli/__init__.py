"""``kan-service``: every process of the service under one command, and what people type most."""

import typer

from service.cli.commands import (
    administration,
    datasets,
    doctor,
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

ENDS = "It ends with 0 when all was done, 1 when something failed, 2 when it was used wrongly, 130 on Ctrl-C."

app = typer.Typer(
    help="Train Kolmogorov-Arnold Networks on tables, and read them as formulas.",
    epilog=ENDS,
    no_args_is_help=True,
    rich_markup_mode=None,  # boxes leave little room for words, and brackets would be taken for markup
    pretty_exceptions_show_locals=False,  # there may be keys among them
)
for command in (train, solve, study, predict, formula, plot):
    command.add_to(app)
app.add_typer(datasets.app, name="datasets")
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
processes.add_to(app)
app.add_typer(keys.app, name="keys")
doctor.add_to(app)
administration.add_to(app)
