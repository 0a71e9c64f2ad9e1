"""Backups of PostgreSQL, by its own client programs, which support all its versions."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from service.db.backup.errors import BackupError

NAME = "PostgreSQL"
MAGIC = b"PGDMP"
DUMP_COMMAND = ("pg_dump", "--format=custom", "--no-owner", "--no-privileges")
RESTORE_COMMAND = (
    "pg_restore",
    "--clean",
    "--if-exists",
    "--no-owner",
    "--no-privileges",
    "--single-transaction",
)
REVISION_COMMAND = ("pg_restore", "--data-only", "--table=alembic_version", "--file=-")
REVISION_PATTERN = re.compile(r"^COPY [^\n]*alembic_version[^\n]*\n(\w+)\n", re.MULTILINE)


def dump(url: str, target: Path) -> None:
    """Write a snapshot of the database into a file."""
    _run_program([*DUMP_COMMAND, f"--file={target}"], url)


def revision_in(file: Path) -> str | None:
    """The revision of a backup; None if it is not of this service.

    Raises:
        BackupError: The file is damaged.
    """
    match = REVISION_PATTERN.search(_run_program([*REVISION_COMMAND, str(file)]))
    return match[1] if match else None


def load(url: str, file: Path) -> None:
    """Replace all tables in one transaction."""
    _run_program([*RESTORE_COMMAND, str(file)], url)


def _run_program(command: list[str], url: str | None = None) -> str:
    """Run a PostgreSQL program; the password goes by the environment, since arguments are visible to all."""
    environment = dict(os.environ)
    if url is not None:
        database_url = make_url(url)
        environment |= {"PGPASSWORD": database_url.password} if database_url.password else {}
        # URL.set() treats None as "unchanged"
        server = database_url._replace(drivername="postgresql", password=None)
        command = [*command, f"--dbname={server.render_as_string()}"]
    if shutil.which(command[0]) is None:
        raise BackupError(
            f"{command[0]} is not installed; install PostgreSQL's client programs, of the "
            f"server's version or newer, or run this where they are installed: {shlex.join(command)}"
        )
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if process.returncode:
        raise BackupError(f"{command[0]} failed: {' '.join(process.stderr.split()) or process.returncode}")
    return process.stdout
