"""Settings as they are shown and logged: all of them, explained, and no password."""

import logging
from pathlib import Path

import pytest

from service.settings import Settings, load_settings
from service.settings_report import COLUMNS, log_settings, read_descriptions, render_settings, report_settings


def shown(variable: str, value: str) -> str:
    (told,) = [
        told for told in report_settings(load_settings({variable: value})) if told.variable == variable
    ]
    return told.value


@pytest.mark.parametrize("name", Settings.model_fields)
@pytest.mark.parametrize("language", COLUMNS)
def test_every_setting_is_explained(name: str, language: str) -> None:
    assert read_descriptions(language)[name]


@pytest.mark.parametrize("language", COLUMNS)
def test_nothing_is_explained_that_is_no_setting(language: str) -> None:
    assert read_descriptions(language).keys() == Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("url", "as_shown"),
    [
        ("postgresql+psycopg://kan:hush@db/kan", "postgresql+psycopg://kan:***@db/kan"),
        ("postgresql+psycopg://kan:hu/sh@db/kan", "postgresql+psycopg://kan:***@db/kan"),
        ("postgresql+psycopg://kan:hu@sh@db/kan", "postgresql+psycopg://kan:***@db/kan"),
        (
            "postgresql+psycopg://db/kan?user=a&password=hush&x=1",
            "postgresql+psycopg://db/kan?user=a&password=***&x=1",
        ),
        ("redis://:hush@r:6379/0", "redis://:***@r:6379/0"),
        ("rediss://u:hush@r/0?ssl_keyfile_password=hush", "rediss://u:***@r/0?ssl_keyfile_password=***"),
        ("memory://", "memory://"),
        ("sqlite:////data/kan.db", "sqlite:////data/kan.db"),
    ],
)
@pytest.mark.parametrize("variable", ["KAN_DATABASE_URL", "KAN_BROKER_URL"])
def test_passwords_are_masked_and_the_rest_is_not(variable: str, url: str, as_shown: str) -> None:
    assert shown(variable, url) == as_shown


def test_what_nobody_has_set_is_marked() -> None:
    defaults = {
        told.variable: told.is_default for told in report_settings(load_settings({"KAN_PORT": "8000"}))
    }
    assert [variable for variable, is_default in defaults.items() if not is_default] == ["KAN_PORT"]


def test_the_log_has_every_setting_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_settings(Settings(broker_url="redis://:hush@r/0"))
    (record,) = caplog.records
    assert record.__dict__["KAN_BROKER_URL"] == "redis://:***@r/0"
    assert {name for name in record.__dict__ if name.startswith("KAN_")} == {
        told.variable for told in report_settings(Settings())
    }


def test_the_guide_tells_all_settings_with_their_defaults_and_not_what_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAN_BROKER_URL", "redis://:hush@r:6379/0")
    lines = [line for line in render_settings().splitlines() if line.startswith("| `KAN_")]
    assert len(lines) == len(Settings.model_fields)
    assert [line for line in lines if "hush" in line or str(Path.cwd()) in line] == []
    assert any(line.startswith("| `KAN_PORT` | `8000` |") for line in lines)
