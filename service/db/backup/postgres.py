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
    found = REVISION_PATTERN.search(_run_program([*REVISION_COMMAND, str(file)]))
    return found[1] if found else None


def load(url: str, file: Path) -> None:
    """Replace all tables in one transaction."""
    _run_program([*RESTORE_COMMAND, str(file)], url)


def _run_program(command: list[str], url: str | None = None) -> str:
    """Run a PostgreSQL program; the password goes by the environment, since arguments are visible to all."""
    environment = dict(os.environ)
    if url is not None:
        parsed = make_url(url)
        environment |= {"PGPASSWORD": parsed.password} if parsed.password else {}
        server = parsed._replace(drivername="postgresql", password=None)  # set() treats None as "unchanged"
        command = [*command, f"--dbname={server.render_as_string()}"]
    if shutil.which(command[0]) is None:
        raise BackupError(
            f"{command[0]} is not installed; install PostgreSQL's client programs, of the "
            f"server's version or newer, or run this where they are installed: {shlex.join(command)}"
        )
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BackupError(f"{command[0]} failed: {' '.join(done.stderr.split()) or done.returncode}")
    return done.stdout
