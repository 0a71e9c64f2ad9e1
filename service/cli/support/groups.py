"""Command groups ``kan-service datasets | jobs | models``, whose default command is ``list``."""

from typing import Any

import typer
from typer.core import TyperGroup

HELP_OPTIONS = ("--help",)


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
