"""Keys in the database and on the command line."""

import json

import pytest
from typer.testing import CliRunner

from service.cli.commands.keys import app
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.db.tables import ApiKey

runner = CliRunner()


@pytest.fixture
def cli(database_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("KAN_DATABASE_URL", database_url)
    return CliRunner()


def test_a_new_key_is_found_by_its_secret(sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, secret = ApiKeys(session).add("lab")

    with sessions.read() as session:
        found = ApiKeys(session).find(secret)

    assert found is not None
    assert found.id == key.id


def test_the_secret_itself_is_not_stored(sessions: Sessions) -> None:
    with sessions.begin() as session:
        _, secret = ApiKeys(session).add("lab")

    with sessions.read() as session:
        row = session.query(ApiKey).one()
        stored = " ".join(str(getattr(row, column.name)) for column in ApiKey.__table__.columns)

    assert secret not in stored
    assert secret[12:] not in stored


def test_every_key_is_different(sessions: Sessions) -> None:
    with sessions.begin() as session:
        secrets = {ApiKeys(session).add("lab")[1] for _ in range(20)}

    assert len(secrets) == 20


def test_a_revoked_key_is_not_found_any_more(sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, secret = ApiKeys(session).add("lab")
        ApiKeys(session).revoke(key.prefix)

    with sessions.read() as session:
        assert ApiKeys(session).find(secret) is None
        assert not ApiKeys(session).has_valid_key()


def test_revoking_twice_keeps_the_first_time(sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, _ = ApiKeys(session).add("lab")
        ApiKeys(session).revoke(key.id)
        first = key.revoked_at
        ApiKeys(session).revoke(key.id)

    assert key.revoked_at == first


def test_keys_create_prints_the_key_alone_on_standard_output(cli: CliRunner, sessions: Sessions) -> None:
    result = cli.invoke(app, ["create", "lab"])

    with sessions.read() as session:
        found = ApiKeys(session).find(result.stdout.strip())

    assert result.exit_code == 0
    assert found is not None
    assert found.name == "lab"


def test_keys_list_shows_beginnings_and_states_but_no_key(cli: CliRunner) -> None:
    secret = cli.invoke(app, ["create", "lab"]).stdout.strip()
    cli.invoke(app, ["create", "plant"])
    cli.invoke(app, ["revoke", secret[:12]])

    listed = cli.invoke(app, ["list"]).stdout

    assert "lab" in listed
    assert "valid" in listed
    assert "revoked" in listed
    assert secret[:12] in listed
    assert secret not in listed


def test_revoking_an_unknown_key_fails_and_says_so(cli: CliRunner) -> None:
    result = cli.invoke(app, ["revoke", "kan_missing"])

    assert result.exit_code == 1
    assert "kan_missing" in result.stderr


def test_keys_need_a_migrated_database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_DATABASE_URL", empty_database_url)

    result = runner.invoke(app, ["create", "lab"])

    assert result.exit_code == 2
    assert "kan-service migrate" in result.stderr


def test_keys_refuse_unknown_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_DATABASE_ULR", "sqlite://")

    result = runner.invoke(app, ["list"])

    assert result.exit_code == 2
    assert "KAN_DATABASE_ULR" in result.stderr


def test_keys_are_told_to_programs_as_documents(cli: CliRunner) -> None:
    made = json.loads(cli.invoke(app, ["create", "lab", "--json"]).stdout)
    assert made["key"].startswith(made["prefix"])
    (listed,) = json.loads(cli.invoke(app, ["list", "--json"]).stdout)["items"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    revoked = json.loads(cli.invoke(app, ["revoke", made["prefix"], "--json"]).stdout)
    assert revoked["revoked_at"] is not None
