"""``python -m service.cli``: the same commands without an installation."""

from service.cli import app

app()
