"""Settings: from the environment, from files, and never misspelt."""

from pathlib import Path

import pytest

from service.settings import QUEUES, InvalidSettings, Settings, load_settings


def test_the_database_is_in_the_data_folder_by_default(tmp_path: Path) -> None:
    settings = load_settings({"KAN_DATA_DIR": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path}/kan.db"


def test_the_data_folder_does_not_move_with_the_working_directory() -> None:
    assert load_settings({"KAN_DATA_DIR": "here"}).data_dir == Path.cwd() / "here"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"KAN_PORT": ""}).port == 8000


def test_three_heartbeats_fit_into_a_lease() -> None:
    assert load_settings({"KAN_LEASE_S": "12"}).heartbeat_s == pytest.approx(4.0)


@pytest.mark.parametrize("name", ["KAN_MAX_ROW", "KAN_PORT_FILE", "KAN_"])
def test_an_unknown_variable_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidSettings, match=f"unknown setting {name}"):
        load_settings({name: "1"})


def test_variables_of_the_tests_and_of_others_are_left_alone() -> None:
    assert load_settings({"KAN_TEST_REDIS_URL": "redis://x", "HOME": "/"}) == load_settings({})


@pytest.mark.parametrize("value", ["70000", "http", "-1"])
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(value: str) -> None:
    with pytest.raises(InvalidSettings, match="KAN_PORT"):
        load_settings({"KAN_PORT": value})


def test_a_worker_takes_from_all_queues_or_from_those_named() -> None:
    assert load_settings({}).queues == QUEUES
    assert load_settings({"KAN_WORKER_QUEUES": " batch, short"}).queues == ("batch", "short")


@pytest.mark.parametrize("value", ["bath", "batch,bath", ",", "Batch"])
def test_a_queue_that_there_is_not_is_refused(value: str) -> None:
    with pytest.raises(InvalidSettings, match=r"KAN_WORKER_QUEUES.*train, short, batch"):
        load_settings({"KAN_WORKER_QUEUES": value})


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://kan:secret@db/kan\n")
    settings = load_settings({"KAN_DATABASE_URL_FILE": str(secret)})
    assert settings.database_url == "postgresql://kan:secret@db/kan"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="both set"):
        load_settings({"KAN_BROKER_URL": "memory://", "KAN_BROKER_URL_FILE": str(tmp_path)})


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"KAN_BROKER_URL_FILE cannot be read.*gone"):
        load_settings({"KAN_BROKER_URL_FILE": str(tmp_path / "gone")})


def test_passwords_do_not_show_in_the_settings_text() -> None:
    settings = Settings(database_url="postgresql://kan:hush@db/kan", broker_url="redis://:hush@r")
    assert "hush" not in repr(settings)
