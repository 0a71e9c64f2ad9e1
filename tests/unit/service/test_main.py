"""The API process."""

import subprocess
import sys


def test_the_api_starts_without_torch() -> None:
    code = "import sys, service.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
