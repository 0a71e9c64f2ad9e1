"""``kan-service``: commands that run the processes of the service, and commands for users."""

from importlib.metadata import version
from typing import Annotated

import typer

from service.cli.support.groups import LazyGroup, list_command

ENDS = "Exit codes: 0 for success, 1 for a failure, 2 for wrong use, 130 for Ctrl-C."
COMMANDS = {  # name: its function or group in `service.cli.commands`, and the first words of its help
    "train": ("train.train", "Train a network on a table; print its metrics and its formula."),
    "solve": ("solve.solve", "Solve differential equations; print the residuals and the formula."),
    "study": ("study.study", "Train on a table with every combination of settings"),
    "fit-group": ("fit_group.fit_group", "Fit the constants of a new group to its rows in a table"),
    "fix": ("fix.fix", "Search another formula of a model, with functions on edges or other wishes"),
    "predict": ("predict.predict", "Predict for the rows of a table"),
    "evaluate": ("evaluate.evaluate", "Measure a model on rows with known answers"),
    "next-rows": ("next_rows.propose_next_rows", "Propose rows to measure next"),
    "formula": ("formula.formula", "Print the formula of a model."),
    "plot": ("plot.plot", "Draw a model: its network, its training, its quality"),
    "datasets": ("datasets.app", "Uploaded tables."),
    "jobs": ("jobs.app", "Trainings and other jobs."),
    "models": ("models.app", "Trained networks."),
    "mcp": ("mcp.mcp", "Offer a service as tools to an agent, over standard input and output (MCP)."),
    "serve": ("processes.serve", "Run the whole service on this machine: API and worker."),
    "open": ("page.open_page", "Open the page of the running service without a key"),
    "api": ("processes.api", "Run the API alone."),
    "worker": ("processes.worker", "Run a worker, which does the jobs."),
    "migrate": ("processes.migrate", "Create or upgrade the database."),
    "keys": ("keys.app", "Keys for clients on other machines."),
    "webhooks": ("webhooks.app", "Messages that tell other programs about ended jobs."),
    "doctor": ("doctor.doctor", "Check whether this machine can run the service, and suggest remedies."),
    "settings": ("administration.settings", "Print every setting with its value and its meaning"),
    "backup": ("administration.backup", "Write all data of the service to a file"),
    "restore": ("administration.restore", "Fill the database from a backup; stop the service first."),
}

app = typer.Typer(
    help="Train Kolmogorov-Arnold Networks on tables, and print them as formulas.",
    epilog=ENDS,
    no_args_is_help=True,
    rich_markup_mode=None,  # boxes take space from the text, and rich parses brackets as markup
    pretty_exceptions_show_locals=False,  # they may contain keys
    cls=LazyGroup,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"kan-service {version('kan-service')}")
        raise typer.Exit


@app.callback()
def _take_options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train Kolmogorov-Arnold Networks on tables, and print them as formulas."""


for command, (place, summary) in COMMANDS.items():
    list_command(app, command, place, summary)
