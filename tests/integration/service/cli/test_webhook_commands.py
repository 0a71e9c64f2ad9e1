"""The commands of operators for webhooks: secrets, deliveries, webhooks of keys."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from service.db.session import Sessions
from service.settings import Settings
from tests.support.factories import make_delivery

Run = Callable[..., Any]


@pytest.fixture
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command beside the database."""
    from service.cli import app

    monkeypatch.setenv("KAN_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("KAN_DATA_DIR", str(settings.data_dir))
    return lambda *words: CliRunner().invoke(app, list(words))


def test_a_secret_is_printed_once_by_tenant(run: Run) -> None:
    first = run("webhooks", "rotate-secret", "--tenant", "lab")
    assert first.stdout.startswith("whsec_")
    second = json.loads(run("webhooks", "rotate-secret", "--tenant", "lab", "--json").stdout)
    assert second["previous_until"] is not None
    other = json.loads(run("webhooks", "rotate-secret", "--json").stdout)
    assert other["previous_until"] is None


def test_deliveries_are_listed_and_sent_again(run: Run, sessions: Sessions) -> None:
    delivery = make_delivery(sessions)
    assert delivery in run("webhooks", "list", "--status", "pending").stdout
    assert delivery not in run("webhooks", "list", "--tenant", "lab").stdout
    assert run("webhooks", "redeliver", delivery).exit_code == 0
    refused = run("webhooks", "redeliver", delivery, "--tenant", "lab")
    assert (refused.exit_code, "no delivery" in refused.stderr) == (1, True)


def test_a_key_gets_a_webhook_and_loses_it(run: Run) -> None:
    key = run("keys", "create", "lab").stdout.strip()[:12]
    run("webhooks", "rotate-secret")
    words = ("keys", "webhook", key, "https://example.com/hooks", "--event", "failed")
    assert run(*words).exit_code == 0
    (listed,) = json.loads(run("keys", "list", "--json").stdout)["items"]
    assert listed["webhook"] == {"url": "https://example.com/hooks", "events": ["failed"]}
    assert run("keys", "webhook", key).exit_code == 0
    (listed,) = json.loads(run("keys", "list", "--json").stdout)["items"]
    assert listed["webhook"] is None


@pytest.mark.parametrize(
    ("url", "has_secret", "reason"),
    [
        ("https://10.0.0.1/", True, "no public address"),
        ("ftp://example.com/", True, "no webhook"),
        ("https://example.com/", False, "no secret"),
    ],
)
def test_a_webhook_of_a_key_is_checked(run: Run, url: str, has_secret: bool, reason: str) -> None:
    key = run("keys", "create", "lab").stdout.strip()[:12]
    if has_secret:
        run("webhooks", "rotate-secret")
    refused = run("keys", "webhook", key, url)
    assert (refused.exit_code, reason in refused.stderr) == (1, True)


def test_a_key_that_there_is_not_gets_no_webhook(run: Run) -> None:
    assert "no key" in run("keys", "webhook", "kan_nothing0", "https://example.com/").stderr
