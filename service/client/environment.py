"""The service that the environment names, for the clients and for the commands of ``kan-service`` alike."""

import os

URL_VARIABLE = "KANSERVICE_URL"  # without the prefix of the service's settings, of which it accepts no others
KEY_VARIABLE = "KANSERVICE_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"


def read_environment() -> tuple[str, str | None]:
    """URL and key of the service; the default URL and no key where a variable is missing or empty."""
    return os.environ.get(URL_VARIABLE) or DEFAULT_URL, os.environ.get(KEY_VARIABLE) or None
