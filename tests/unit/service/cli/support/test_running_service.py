import stat
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.support.running_service import ADDRESS_FILE, announce_service, choose_key, find_service_url
from service.local_session import SESSION_FILE
from service.settings import Settings

URL, KEY = "http://127.0.0.1:8123", "kan_session_of_a_test"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def test_a_service_is_found_while_it_runs(settings: Settings) -> None:
    assert find_service_url(settings) is None
    with announce_service(URL, KEY, settings):
        assert find_service_url(settings) == URL
    assert find_service_url(settings) is None
    assert not (settings.data_dir / ADDRESS_FILE).exists()


def test_its_session_is_for_its_own_user_and_its_own_address(settings: Settings) -> None:
    with announce_service(URL, KEY, settings):
        assert stat.S_IMODE((settings.data_dir / SESSION_FILE).stat().st_mode) == 0o600
        assert choose_key(URL, settings) == KEY
        assert choose_key("http://127.0.0.1:9", settings) is None
        configured = settings.model_copy(update={"api_key": "kan_own"})
        assert choose_key(URL, configured) == "kan_own"
    assert not (settings.data_dir / SESSION_FILE).exists()


def test_the_first_over_a_folder_is_the_one_that_is_found(settings: Settings) -> None:
    with announce_service(URL, KEY, settings):
        with announce_service("http://127.0.0.1:9", KEY, settings):
            assert find_service_url(settings) == URL
        assert find_service_url(settings) == URL


def test_a_service_over_another_database_is_another_one(settings: Settings) -> None:
    with announce_service(URL, KEY, settings):
        elsewhere = Settings(data_dir=settings.data_dir, database_url="sqlite:////elsewhere/kan.db")
        assert find_service_url(elsewhere) is None


def test_an_address_that_a_killed_service_left_is_known_as_such(settings: Settings) -> None:
    code = (
        "import os, signal\n"
        "from service.cli.support.running_service import announce_service\n"
        "from service.settings import load_settings\n"
        f"with announce_service({URL!r}, {KEY!r}, load_settings()):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {"KAN_DATA_DIR": str(settings.data_dir), "PYTHONPATH": str(Path.cwd())}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -9
    assert URL in (settings.data_dir / ADDRESS_FILE).read_text()
    assert find_service_url(settings) is None
    with announce_service("http://127.0.0.1:9", KEY, settings):
        assert find_service_url(settings) == "http://127.0.0.1:9"


def test_a_file_that_says_nothing_leads_nowhere(settings: Settings) -> None:
    with announce_service(URL, KEY, settings):
        (settings.data_dir / ADDRESS_FILE).write_text("{}")
        assert find_service_url(settings) is None


def test_a_folder_that_cannot_be_written_to_is_no_reason_not_to_serve() -> None:
    settings = Settings(data_dir=Path("/proc/nowhere"))
    with announce_service(URL, KEY, settings):
        assert find_service_url(settings) is None
