"""``kan-service doctor``: diagnose this machine."""

from collections.abc import Iterator

import typer

from service.cli.support.checks import machine_checks, service_checks
from service.cli.support.checks.findings import Finding
from service.cli.support.errors import EXIT_FAILED
from service.cli.support.output import AsJson, print_result
from service.db.migrate import database_exists

COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}


def doctor(as_json: AsJson = False) -> None:
    """Check whether this machine can run the service, and suggest remedies."""
    findings: list[Finding] = []
    for finding in _run_checks():
        findings.append(finding)
        if not as_json:
            _print_finding(finding)
    is_well = all(finding.state != "broken" for finding in findings)
    document = {"is_well": is_well, "findings": [finding.model_dump() for finding in findings]}
    print_result(document, as_json, lambda: None)
    if not is_well:
        raise typer.Exit(EXIT_FAILED)


def _run_checks() -> Iterator[Finding]:
    """Run the checks in order; skip those that depend on something broken."""
    yield machine_checks.check_python()
    yield machine_checks.check_packages()
    yield machine_checks.check_torch()
    finding, settings = service_checks.check_settings()
    yield finding
    if settings is None:
        return
    yield machine_checks.check_data_folder(settings)
    yield machine_checks.check_port(settings)
    yield (database := service_checks.check_database(settings))
    yield service_checks.check_broker(settings)
    if database.state == "ok" and database_exists(settings):
        yield service_checks.check_access(settings)
        yield service_checks.check_worker(settings)


def _print_finding(finding: Finding) -> None:
    state = typer.style(f"{finding.state:<8}", fg=COLOURS[finding.state], bold=True)
    typer.echo(f"{state}{finding.what}: {finding.fact}")
    if finding.remedy:
        typer.echo(f"{'':<8}→ {finding.remedy}")
