"""Commands whose modules are imported when they are used."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from service.cli import COMMANDS, app
from service.cli.support.groups import LazyGroup, list_command, load_command

HEAVY = ("sqlalchemy", "httpx", "pydantic", "service.client")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_tells_of_every_command_what_its_own_help_begins_with(name: str) -> None:
    place, summary = COMMANDS[name]
    told = " ".join(load_command(name, place).help.split())

    assert told.startswith(summary)


def test_help_lists_all_commands_without_importing_any_of_them() -> None:
    script = (
        "import sys\nfrom service.cli import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit: print('imported', [name for name in {HEAVY} if name in sys.modules])"
    )

    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert all(f"  {name} " in told for name in COMMANDS)
    assert told.endswith("imported []\n")


def test_a_command_is_a_function_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def greet(name: str) -> None:
        """Greet somebody."""
        typer.echo(f"Good morning, {name}")

    module = SimpleNamespace(greet=greet, EPILOG="It is polite.")
    monkeypatch.setitem(sys.modules, "service.cli.commands.greet", module)
    commands = typer.Typer(cls=LazyGroup, rich_markup_mode=None)
    commands.callback()(lambda: None)
    list_command(commands, "greet", "greet.greet", "Greet somebody.")

    assert "greet  Greet somebody." in CliRunner().invoke(commands, ["--help"]).output
    assert CliRunner().invoke(commands, ["greet", "Ada"]).output == "Good morning, Ada\n"
    assert "It is polite." in CliRunner().invoke(commands, ["greet", "--help"]).output


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    answer = CliRunner().invoke(app, ["trian"])

    assert answer.exit_code == 2
    assert "Did you mean 'train'?" in answer.output
