"""Settings of the service: ``KAN_*`` environment variables, read once and then passed as an argument.

A file may hold a secret, as on container platforms: ``KAN_DATABASE_URL_FILE`` names a file with the
database URL. An unknown ``KAN_*`` variable is an error, so that a misspelt limit is not ignored.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "KAN_"
TEST_PREFIX = "KAN_TEST_"
SECRETS = ("database_url", "broker_url", "api_key")
QUEUES = ("train", "short", "batch")  # of the workers; `service.queue` maps kinds of jobs to queues

MiB = 2**20
GiB = 2**30


DeviceChoice = Literal["auto", "cpu", "cuda"]
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
ANY_ORIGIN = "*"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name may resolve to anything


class InvalidSettings(ValueError):
    """A variable of the environment is unknown or has an invalid value."""


def _split_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _check_origins(text: str) -> str:
    for origin in _split_names(text):
        parts = urlsplit(origin)
        is_bare = origin == f"{parts.scheme}://{parts.netloc}" and parts.hostname and "*" not in origin
        if origin != ANY_ORIGIN and not (parts.scheme in ("http", "https") and is_bare):
            raise ValueError(f"{origin!r} is no origin; write https://host or https://host:port")
    return text


def _check_networks(text: str) -> str:
    for name in _split_names(text):
        try:
            ipaddress.ip_network(name)
        except ValueError:
            raise ValueError(f"{name!r} is no address; write 10.0.0.7 or 10.0.0.0/24") from None
    return text


def _check_queues(text: str) -> str:
    names = _split_names(text)
    unknown = [name for name in names if name not in QUEUES]
    if unknown or not names:
        raise ValueError(f"name one or more of the queues {', '.join(QUEUES)}, with commas between")
    return text


def _make_sqlite_url(settings: dict[str, Any]) -> str:
    """URL of the default database, a file in the data folder."""
    return f"sqlite:///{settings['data_dir'] / 'kan.db'}"


class Settings(BaseSettings):
    """Every setting with its default. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    data_dir: Annotated[Path, AfterValidator(Path.absolute)] = Field(
        default=Path("kan-data"),
        validate_default=True,
        description="folder of the default database, and of temporary files of uploads",
    )
    database_url: str = Field(
        default_factory=_make_sqlite_url,
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
        description="address that the API listens on; any other than loopback requires keys",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port of the API; 0 takes a free one")
    api_processes: int = Field(default=1, ge=1, le=64, description="processes of the API that share its port")

    allowed_hosts: str = Field(
        default="",
        description="host names that requests may use, separated by commas; empty for any",
    )
    cors_origins: Annotated[str, AfterValidator(_check_origins)] = Field(
        default="",
        description="origins whose pages may call the API, such as https://lab.example, separated by commas; "
        "* for any, if keys are required; empty for none",
    )
    open_loopback: Literal["on", "off"] = Field(
        default="off", description="on: requests on loopback need no key although keys exist"
    )
    trusted_proxies: Annotated[str, AfterValidator(_check_networks)] = Field(
        default="",
        description="addresses or networks of proxies on this machine, separated by commas, that may say "
        "that a client is on it, too; other forwarded requests need a key",
    )
    api_key: str = Field(
        default="",
        repr=False,
        description="key with which commands ask the service of their data folder; without it they use the "
        "session that `serve` makes for its machine",
    )
    rate_limit: int = Field(default=6_000, ge=0, description="requests per minute and key; 0 for no limit")
    quota_jobs: int = Field(default=1_000, ge=0, description="unfinished jobs per tenant; 0 for no limit")
    quota_bytes: int = Field(default=0, ge=0, description="stored bytes per tenant; 0 for no limit")
    retention_days_jobs: int = Field(
        default=0, ge=0, le=36_500, description="days after which a finished job is deleted; 0 for never"
    )
    retention_days_datasets: int = Field(
        default=0, ge=0, le=36_500, description="the same for an unused dataset without models"
    )
    delete_figures: bool = Field(
        default=False,
        description="on: figures of models, which hold true values of rows, are deleted with their dataset",
    )
    keep_versions: int = Field(
        default=0,
        ge=0,
        description="number of newest models of a name that are kept, besides those with an alias; 0 for all",
    )
    log_format: Literal["plain", "json"] = Field(default="plain", description="plain or json")

    lease_s: float = Field(
        default=30.0, gt=0, description="time without a heartbeat after which another worker takes the job"
    )
    poll_s: float = Field(default=0.1, gt=0, description="interval at which a worker polls the queue")
    max_attempts: int = Field(default=3, ge=1, description="number of lost workers after which a job fails")
    worker_slots: int = Field(
        default=0,
        ge=0,
        description="jobs that a worker runs at the same time; 0 for as many as cores and memory allow",
    )
    short_jobs: Literal["on", "off"] = Field(
        default="on",
        description="whether a worker has one more process, of at most 1 GiB, for jobs that take seconds",
    )
    worker_queues: Annotated[str, AfterValidator(_check_queues)] = Field(
        default=",".join(QUEUES), description="queues that a worker takes jobs from"
    )
    worker_threads: int = Field(
        default=1, ge=0, description="torch threads per job; 0 divides the cores among the jobs"
    )
    device: DeviceChoice = Field(
        default="auto",
        description="where a worker trains by Adam unless the job says it: cpu, cuda, or auto for CUDA if "
        "torch sees it and a batch has much work",
    )
    drain_s: float = Field(
        default=10.0, ge=0, description="time at a stop to finish requests and to return jobs to the queue"
    )
    shutdown_delay_s: float = Field(
        default=0.0,
        ge=0,
        description="how long the API keeps serving after the signal to stop, while /health/ready fails: "
        "time for a load balancer to react",
    )

    webhooks: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="whether jobs may have webhooks: on, off, or auto: not on loopback",
    )
    webhook_hosts: str = Field(
        default="",
        description="hosts (HOST or HOST:PORT), separated by commas, whose webhooks may use http and private "
        "addresses",
    )

    max_body_bytes: int = Field(default=2 * GiB, ge=1, description="of a request, uploads included")
    max_json_bytes: int = Field(default=64 * MiB, ge=1, description="of a request in JSON")
    max_request_bytes: int = Field(
        default=8 * MiB, ge=1, description="of a JSON request without a table: jobs, changes of models"
    )
    max_artifact_bytes: int = Field(default=64 * MiB, ge=1, description="of an imported model")
    max_columns: int = Field(default=2_000, ge=1, description="of a dataset")
    max_rows: int = Field(default=10_000_000, ge=1, description="of a dataset")
    max_predict_rows: int = Field(default=100_000, ge=1, description="of one prediction")
    max_parameters: int = Field(default=2_000_000, ge=1, description="of a network")
    max_memory_bytes: int = Field(
        default=4 * GiB,
        ge=1,
        description="of a job: a job with a higher estimate is refused, a job that takes more is ended",
    )
    max_study_trainings: int = Field(default=200, ge=1, description="of one study")
    max_job_seconds: float = Field(default=3600.0, gt=0, description="upper limit of a job's max_seconds")
    predict_cache_bytes: int = Field(default=512 * MiB, ge=0, description="of loaded models per process")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that requests may use; any if empty.

        A foreign web page in a browser on this machine can reach loopback, but not choose the host name.
        """
        names = _split_names(self.allowed_hosts)
        return names + LOOPBACK_NAMES if names or is_loopback(self.host) else ()

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins whose pages may call the API."""
        return _split_names(self.cors_origins)

    @field_validator("cors_origins")
    @classmethod
    def _refuse_open_loopback(cls, text: str, info: ValidationInfo) -> str:
        """Without keys every page that a browser on this machine opens could do everything."""
        if ANY_ORIGIN in _split_names(text) and is_loopback(info.data.get("host", "")):
            raise ValueError("* needs keys, which loopback does not ask for; name the origins")
        return text

    @property
    def has_webhooks(self) -> bool:
        """Whether jobs may have webhooks. By default not where everybody on the machine may submit jobs."""
        return self.webhooks == "on" or (self.webhooks == "auto" and not is_loopback(self.host))

    @property
    def proxies(self) -> tuple[IPNetwork, ...]:
        """Networks of trusted proxies."""
        return tuple(map(ipaddress.ip_network, _split_names(self.trusted_proxies)))

    @property
    def webhook_host_names(self) -> tuple[str, ...]:
        """Hosts, and hosts with ports, whose webhooks may use http and private addresses."""
        return _split_names(self.webhook_hosts.lower())

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that a worker takes jobs from."""
        return _split_names(self.worker_queues)

    @property
    def heartbeat_s(self) -> float:
        """Interval between heartbeats: a lease survives two lost ones."""
        return self.lease_s / 3


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: A variable is unknown, has no valid value, or is given twice.
    """
    environ = os.environ if environ is None else environ
    texts = {name: value for name, value in environ.items() if value and name.startswith(PREFIX)}
    values = {_field_name(name): value for name, value in texts.items() if not name.startswith(TEST_PREFIX)}
    for secret in SECRETS:
        _read_secret_file(values, secret)
    unknown = sorted(values.keys() - Settings.model_fields.keys())
    if unknown:
        names = ", ".join(f"{PREFIX}{name.upper()}" for name in unknown)
        raise InvalidSettings(f"unknown setting {names}; correct or unset it")
    try:
        return Settings(**values)  # type: ignore[arg-type]  # pydantic converts the text
    except ValidationError as error:
        raise InvalidSettings(_format_validation_error(error)) from None


def _field_name(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def _read_secret_file(values: dict[str, str], secret: str) -> None:
    """Replace ``<secret>_file`` by the content of that file."""
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


def _format_validation_error(error: ValidationError) -> str:
    """Name every invalid variable, without its value, which may be a secret."""
    return "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
