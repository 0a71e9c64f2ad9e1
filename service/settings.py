"""What an operator can set: ``KAN_*`` variables, read once and then passed on.

A secret may be given as a file instead, as container platforms do: ``KAN_DATABASE_URL_FILE`` names
a file that holds the database URL. An unknown ``KAN_*`` variable is refused, because a misspelt
limit that is quietly ignored is no limit.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "KAN_"
TEST_PREFIX = "KAN_TEST_"
SECRETS = ("database_url", "broker_url")
QUEUES = ("train", "short", "batch")  # of the workers; which kind of job goes where is in service.queue

MiB = 2**20
GiB = 2**30


LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what binds to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name may resolve to anything


class InvalidSettings(ValueError):
    """The environment asks for something that cannot be."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _check_queues(text: str) -> str:
    names = _split(text)
    unknown = [name for name in names if name not in QUEUES]
    if unknown or not names:
        raise ValueError(f"name one or more of the queues {', '.join(QUEUES)}, with commas between")
    return text


def _sqlite_in(settings: dict[str, Any]) -> str:
    """The database of a single machine: one file in the data folder."""
    return f"sqlite:///{settings['data_dir'] / 'kan.db'}"


class Settings(BaseSettings):
    """Every setting with its default. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    data_dir: Annotated[Path, AfterValidator(Path.absolute)] = Field(
        default=Path("kan-data"),
        validate_default=True,
        description="folder of the database, unless that is elsewhere, and of uploads on their way into it",
    )
    database_url: str = Field(
        default_factory=_sqlite_in,
        repr=False,
        description="sqlite:///FILE (one in the data folder) or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
    )
    broker_url: str = Field(
        default="memory://",
        repr=False,
        description="redis://:PASSWORD@HOST:PORT/0 for workers on many machines; memory:// for one",
    )
    host: str = Field(
        default="127.0.0.1",
        description="address that the API listens on; any but loopback's asks for keys",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port of the API; 0 takes a free one")

    allowed_hosts: str = Field(
        default="",
        description="names that requests may call the service by, with commas between; empty for any",
    )
    rate_limit: int = Field(default=6_000, ge=0, description="requests a minute and key; 0 for any")
    quota_jobs: int = Field(default=1_000, ge=0, description="unfinished jobs of a tenant; 0 for any")
    quota_bytes: int = Field(default=0, ge=0, description="stored for a tenant; 0 for any")
    retention_days_jobs: int = Field(
        default=0, ge=0, le=36_500, description="days after which a finished job is deleted; 0 for never"
    )
    retention_days_datasets: int = Field(
        default=0, ge=0, le=36_500, description="the same for a dataset without models and without use"
    )
    keep_versions: int = Field(
        default=0,
        ge=0,
        description="how many newest models of a name are kept, beside those with an alias; 0 for all",
    )
    log_format: Literal["plain", "json"] = Field(default="plain", description="plain or json")

    lease_s: float = Field(
        default=30.0, gt=0, description="after so long without a word from its worker a job goes to another"
    )
    poll_s: float = Field(default=0.1, gt=0, description="pause between a worker's looks into the queue")
    max_attempts: int = Field(
        default=3, ge=1, description="a job fails when its worker was lost so many times"
    )
    worker_slots: int = Field(default=1, ge=1, description="jobs that a worker does side by side")
    worker_queues: Annotated[str, AfterValidator(_check_queues)] = Field(
        default=",".join(QUEUES), description="which jobs a worker takes"
    )
    worker_threads: int = Field(default=1, ge=0, description="torch threads per job; 0 shares the cores out")
    drain_s: float = Field(
        default=10.0, ge=0, description="time for requests to end and jobs to be given back at a stop"
    )
    shutdown_delay_s: float = Field(
        default=0.0,
        ge=0,
        description="how long the API serves on after it was told to stop, while /health/ready says no: "
        "time for a load balancer to notice",
    )

    max_body_bytes: int = Field(default=2 * GiB, ge=1, description="of a request, uploads too")
    max_json_bytes: int = Field(default=64 * MiB, ge=1, description="of a request in JSON")
    max_request_bytes: int = Field(
        default=8 * MiB, ge=1, description="of one in JSON that brings no table: jobs, changes of models"
    )
    max_artifact_bytes: int = Field(default=64 * MiB, ge=1, description="of a model that is imported")
    max_columns: int = Field(default=2_000, ge=1, description="of a dataset")
    max_rows: int = Field(default=10_000_000, ge=1, description="of a dataset")
    max_predict_rows: int = Field(default=100_000, ge=1, description="of one prediction")
    max_parameters: int = Field(default=2_000_000, ge=1, description="of a network")
    max_memory_bytes: int = Field(
        default=4 * GiB,
        ge=1,
        description="that a job may take: one that needs more by estimate is refused, "
        "one that takes more is ended",
    )
    max_study_trainings: int = Field(default=200, ge=1, description="of one study")
    max_job_seconds: float = Field(default=3600.0, gt=0, description="most that a job may ask for")
    predict_cache_bytes: int = Field(default=512 * MiB, ge=0, description="of loaded models in a process")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that requests may call the service by; any if there are none.

        A page from elsewhere in a browser on this machine reaches loopback, too; it cannot choose this name.
        """
        given = _split(self.allowed_hosts)
        return given + LOOPBACK_NAMES if given or is_loopback(self.host) else ()

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that a worker takes jobs from."""
        return _split(self.worker_queues)

    @property
    def heartbeat_s(self) -> float:
        """A lease survives two lost heartbeats."""
        return self.lease_s / 3


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: A variable is unknown, has no valid value, or is given twice.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in environ.items() if value and name.startswith(PREFIX)}
    values = {_field(name): value for name, value in given.items() if not name.startswith(TEST_PREFIX)}
    for secret in SECRETS:
        _take_from_file(values, secret)
    unknown = sorted(values.keys() - Settings.model_fields.keys())
    if unknown:
        names = ", ".join(f"{PREFIX}{name.upper()}" for name in unknown)
        raise InvalidSettings(f"unknown setting {names}; correct or unset it")
    try:
        return Settings(**values)  # type: ignore[arg-type]  # pydantic converts the text
    except ValidationError as error:
        raise InvalidSettings(_explain(error)) from None


def _field(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def _take_from_file(values: dict[str, str], secret: str) -> None:
    """Replace ``<secret>_file`` by what the file holds."""
    path = values.pop(f"{secret}_file", None)
    if path is None:
        return
    variable = f"{PREFIX}{secret.upper()}"
    if secret in values:
        raise InvalidSettings(f"{variable} and {variable}_FILE are both set; keep one")
    try:
        values[secret] = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidSettings(f"{variable}_FILE cannot be read: {error.strerror}: {path}") from None


def _explain(error: ValidationError) -> str:
    """Name every wrong variable, without its value: it may be a secret."""
    return "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
