"""What the compose file and the image promise: no default password, no root, nothing open."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.support.containers.compose import ROOT, compose_document, make_secrets, read_compose

OURS = ("api", "worker", "migrate")
ALL = (*OURS, "postgres", "redis")
EXACT = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?-[a-z\d.-]+")


@pytest.fixture
def services() -> dict[str, Any]:
    return read_compose()


def test_the_file_has_the_five_services(services: dict[str, Any]) -> None:
    assert set(services) == {"api", "worker", "migrate", "postgres", "redis"}


def test_our_services_share_one_image(services: dict[str, Any]) -> None:
    assert {services[name]["image"] for name in OURS} == {"kan-service"}


def test_the_secrets_that_are_made_open_the_servers(services: dict[str, Any], tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    database = make_url(secrets["database_url"])
    postgres = services["postgres"]["environment"]

    assert (database.host, database.password) == ("postgres", secrets["postgres_password"])
    assert (database.username, database.database) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])
    assert secrets["broker_url"] == f"redis://:{secrets['redis_password']}@redis:6379/0"
    assert len({*secrets.values()}) == len(secrets)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_every_secret_of_the_file_is_made_and_named_by_who_reads_it(
    services: dict[str, Any], tmp_path: Path
) -> None:
    named = compose_document()["secrets"]
    made = make_secrets(tmp_path)
    assert {secret["file"] for secret in named.values()} == {f"secrets/{name}" for name in made}
    for service in services.values():
        read = set(re.findall(r"/run/secrets/(\w+)", str(service)))
        assert read == set(service["secrets"]) <= named.keys()


@pytest.mark.parametrize("name", ALL)
def test_no_password_is_in_an_environment(services: dict[str, Any], name: str) -> None:
    environment = services[name].get("environment", {})
    assert not any("://" in value for value in environment.values())
    assert all(key.endswith("_FILE") for key in environment if "PASSWORD" in key or "URL" in key)


@pytest.mark.parametrize("name", ALL)
def test_every_service_has_a_limit_of_memory_and_of_processes(services: dict[str, Any], name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", services[name]["mem_limit"])
    assert 0 < services[name]["pids_limit"] <= 512


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_an_image_of_others_has_an_exact_version(services: dict[str, Any], name: str) -> None:
    assert EXACT.fullmatch(services[name]["image"])


def test_the_image_stands_on_an_exact_version_and_installs_nothing_else_than_the_lock() -> None:
    dockerfile = _dockerfile()
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    installs = re.findall(r"pip install (.+)", dockerfile)

    assert bases
    assert all(EXACT.fullmatch(base) for base in bases)
    assert all("--no-deps" in install for install in installs)
    assert any("--require-hashes" in i and "service/requirements.lock" in i for i in installs)


@pytest.mark.parametrize("name", ["api", "worker", "postgres", "redis"])
def test_every_service_that_stays_has_a_health_check(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ALL)
def test_no_service_can_write_its_image_or_gain_rights(services: dict[str, Any], name: str) -> None:
    assert services[name]["read_only"]
    assert services[name]["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in services[name]["security_opt"]


def test_only_the_api_can_be_reached_and_only_from_this_machine(services: dict[str, Any]) -> None:
    open_services = {name for name, service in services.items() if "ports" in service}

    assert open_services == {"api"}
    assert services["api"]["ports"] == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("name", ["worker", "migrate", "postgres", "redis"])
def test_everything_else_is_on_the_inner_network_alone(services: dict[str, Any], name: str) -> None:
    assert services[name]["networks"] == ["inside"]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_nothing_starts_before_the_database_is_migrated(services: dict[str, Any], name: str) -> None:
    condition = services[name]["depends_on"]["migrate"]["condition"]

    assert condition == "service_completed_successfully"


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", _dockerfile(), re.MULTILINE)

    assert users
    assert users[-1] not in ("root", "0")


def test_everything_that_the_image_copies_exists_and_reaches_the_build() -> None:
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)", _dockerfile(), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert all((ROOT / source).exists() for source in sources)
    assert {source.split("/")[0] for source in sources} <= sent


def test_the_image_carries_every_package_of_the_project() -> None:
    copied = re.findall(r"^COPY (\w+) \w+$", _dockerfile(), re.MULTILINE)

    assert set(copied) == {"kan_engine", "service", "worker", "migrations"}


def _dockerfile() -> str:
    return (ROOT / "service" / "Dockerfile").read_text()
