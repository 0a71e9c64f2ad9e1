"""The API process."""

import subprocess
import sys

HEAVY = ("torch", "sympy", "sklearn", "matplotlib", "polars", "scipy", "redis", "alembic", "httpx", "mcp")


def test_the_api_starts_without_what_takes_long_to_import() -> None:
    code = f"import sys, service.main; print(*(name for name in {HEAVY} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == []
