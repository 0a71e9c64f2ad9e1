"""``kan-service datasets | jobs | models``: groups of commands, of which ``list`` need not be named."""

from typing import Any

import typer
from typer.core import TyperGroup

HELP = ("--help",)


class ListByDefault(TyperGroup):
    """A group that lists when it is not told what else to do."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where it is left out."""
        is_left_out = not args or (args[0].startswith("-") and args[0] not in HELP)
        is_asked_by_tab = ctx.resilient_parsing  # which is to offer all commands
        return super().parse_args(ctx, ["list", *args] if is_left_out and not is_asked_by_tab else args)


def group(words: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=f"{words} Without a command, list them.", cls=ListByDefault)
