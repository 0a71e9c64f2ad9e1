"""``python -m service.cli``: the same where nothing is installed."""

from service.cli import app

app()
