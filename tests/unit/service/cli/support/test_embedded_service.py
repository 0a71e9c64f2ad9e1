import os
import signal
import subprocess
import sys
from typing import Any

import pytest
import typer

from service.cli.support import embedded_service


def test_a_service_that_cannot_start_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAN_LEASES", "3")
    with pytest.raises(typer.Exit), embedded_service.run_embedded_service():
        pass
    shown = capsys.readouterr().err
    assert "did not start" in shown
    assert "KAN_LEASES" in shown


def test_a_service_for_one_command_hears_no_interrupt_of_the_terminal(monkeypatch: Any) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def sleep(_: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess_popen([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return started[0]

    subprocess_popen = subprocess.Popen
    monkeypatch.setattr(embedded_service.subprocess, "Popen", sleep)
    monkeypatch.setattr(embedded_service, "_wait_until_ready", lambda *_: True)
    with embedded_service.run_embedded_service():
        assert os.getpgid(started[0].pid) != os.getpgid(0)
    assert started[0].returncode == -signal.SIGTERM
