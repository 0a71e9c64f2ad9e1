"""``kan-service open``: the page of the running service."""

import typer

from service.cli.support.errors import report_failure, report_setup_errors
from service.cli.support.page_link import make_page_link
from service.cli.support.running_service import find_service_url
from service.settings import load_settings


def open_page() -> None:
    """Open the page of the running service without a key; print a link that works once."""
    with report_setup_errors():
        settings = load_settings()
    url = find_service_url(settings)
    if url is None:
        raise report_failure("no service runs over this data folder; start one with 'kan-service serve'")
    link = make_page_link(url, settings)
    typer.echo(link.text)
    link.open()
