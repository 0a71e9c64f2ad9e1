"""Groups of commands: the command line, which imports commands when they are used, and groups of lists."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

HELP_OPTIONS = ("--help",)
MODULES = "service.cli.commands"


class LazyGroup(TyperGroup):
    """A group whose ``commands`` have no more than a name and a help text until one is run.

    The imports of most commands take a second.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the command; None if there is none of this name."""
        command = super().get_command(ctx, cmd_name)
        return None if command is None else load_command(cmd_name, getattr(command.callback, "__name__", ""))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        self._to_plain_group().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete names without importing the commands."""
        return self._to_plain_group().shell_complete(ctx, incomplete)

    def _to_plain_group(self) -> TyperGroup:
        return TyperGroup(name=self.name, commands=dict(self.commands), params=self.params)


def list_command(app: typer.Typer, name: str, place: str, summary: str) -> None:
    """Add a command to a ``LazyGroup``.

    Args:
        app: The command line.
        name: Of the command.
        place: Its function or group in ``service.cli.commands``, such as ``train.train``.
        summary: The first line of its help.
    """

    def stand_in() -> None: ...

    stand_in.__name__ = place
    app.command(name, help=summary)(stand_in)


def load_command(name: str, place: str) -> Any:
    """Import the function or the group at a place, and return it as a command of this name.

    ``EPILOG`` of its module, if there is one, ends the help of a function.
    """
    module_name, _, attribute = place.partition(".")
    module = import_module(f"{MODULES}.{module_name}")
    command = getattr(module, attribute)
    app = typer.Typer(rich_markup_mode=None)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name, epilog=getattr(module, "EPILOG", None))(command)
    return get_group(app).commands[name]


class ListByDefault(TyperGroup):
    """A group that runs ``list`` if no command is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert ``list`` if the command is left out."""
        is_left_out = not args or (args[0].startswith("-") and args[0] not in HELP_OPTIONS)
        is_asked_by_tab = ctx.resilient_parsing  # completion has to offer all commands
        return super().parse_args(ctx, ["list", *args] if is_left_out and not is_asked_by_tab else args)


def make_group(words: str) -> typer.Typer:
    """Make a group of commands; ``words`` is its help text."""
    return typer.Typer(help=f"{words} The default command is list.", cls=ListByDefault)
