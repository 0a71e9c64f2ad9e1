import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.execution import process_identity
from worker.execution.process_identity import current_holder, find_ended, machine_id

CODE = """
import pathlib, time
pathlib.Path('/proc/self/comm').write_text('a) R (')
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Of a name that is hard to read."""
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def holder_of(process: subprocess.Popen[bytes]) -> str:
    holder = process_identity._read_holder(machine_id(), process.pid)
    assert holder is not None
    return holder


def test_the_calling_process_is_there() -> None:
    holder = current_holder()
    assert holder is not None
    assert not find_ended([holder])


def test_a_process_is_gone_when_it_was_killed_even_if_its_parent_has_not_asked(process) -> None:
    holder = holder_of(process)
    assert not find_ended([holder])
    process.kill()
    time.sleep(0.2)
    assert find_ended([holder]) == [holder]
    process.wait()
    assert find_ended([holder]) == [holder]


def test_a_process_that_was_stopped_is_there(process) -> None:
    process.send_signal(signal.SIGSTOP)
    assert not find_ended([holder_of(process)])


def test_another_process_under_the_same_number_is_not_the_same() -> None:
    here, pid, start = (current_holder() or "").rsplit("/", 2)
    earlier = f"{here}/{pid}/{int(start) - 1}"
    assert find_ended([earlier]) == [earlier]


def test_nothing_is_known_of_other_machines() -> None:
    assert not find_ended(["5f0c/4026531836/1/77", "without-a-boot"])


def test_nothing_is_known_where_the_kernel_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_identity, "BOOT_ID", Path("/nowhere"))
    assert current_holder() is None
    assert not find_ended(["None/1/1"])
