"""What the compose file and the image promise: no default password, no root, nothing open."""

import re
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.compose import ROOT, VariableMissing, read_compose

SECRETS = {"POSTGRES_PASSWORD": "pg-secret", "REDIS_PASSWORD": "redis-secret"}
OURS = ("api", "worker", "migrate")


@pytest.fixture
def services() -> dict[str, Any]:
    return read_compose(SECRETS)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_password_has_a_default(secret: str) -> None:
    with pytest.raises(VariableMissing, match=secret):
        read_compose({name: value for name, value in SECRETS.items() if name != secret})


def test_the_file_has_the_five_services(services: dict[str, Any]) -> None:
    assert set(services) == {"api", "worker", "migrate", "postgres", "redis"}


def test_our_services_share_one_image(services: dict[str, Any]) -> None:
    assert {services[name]["image"] for name in OURS} == {"kan-service"}


def test_the_urls_name_the_servers_and_their_passwords(services: dict[str, Any]) -> None:
    database = make_url(services["api"]["environment"]["KAN_DATABASE_URL"])
    postgres = services["postgres"]["environment"]

    assert (database.host, database.password) == ("postgres", postgres["POSTGRES_PASSWORD"])
    assert (database.username, database.database) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])
    assert services["api"]["environment"]["KAN_BROKER_URL"] == "redis://:redis-secret@redis:6379/0"


@pytest.mark.parametrize("name", ["api", "worker", "postgres", "redis"])
def test_every_service_that_stays_has_a_health_check(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", [*OURS, "redis"])
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
