"""A slot keeps one process, and has the next one ready when it replaces it."""

import threading
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from worker.runtime import process_pool
from worker.runtime.limits import DEFAULT_RUNTIME
from worker.runtime.process_pool import PoolCall, Slot


class PlayedProcess:
    """A process that writes what happens to it into a log, and answers at once."""

    is_alive, exit_code, pid = True, 0, 1

    def __init__(self, log: list[str]) -> None:
        self._log, self._name = log, f"process {sum(line.startswith('start') for line in log) + 1}"
        log.append(f"start {self._name}")

    def wait_until_ready(self, within_s: float) -> bool:
        return True

    def begin(self, call: PoolCall, within_s: float) -> bool:
        self._log.append(f"{self._name} begins {call.args[0]}")
        return True

    def receive(self, within_s: float | None) -> tuple[bool, str, float]:
        return False, "", 0.0

    def end(self) -> None:
        self._log.append(f"end {self._name}")

    kill = end


def test_the_next_process_starts_while_the_last_call_of_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    log, calls, closing, done = list[str](), SimpleQueue[PoolCall](), threading.Event(), threading.Event()
    monkeypatch.setattr(process_pool, "PoolProcess", lambda *_: PlayedProcess(log))
    conf = SimpleNamespace(worker_proc_alive_timeout=1.0, runtime_limits=DEFAULT_RUNTIME)

    def end_after(last: bool) -> Any:
        return lambda *_: done.set() if last else None

    for name in "abc":
        nothing = end_after(False)
        calls.put(PoolCall(print, (name,), {}, nothing, end_after(name == "c"), nothing, nothing, None))
    slot = Slot(calls, closing, number=0, initargs=(SimpleNamespace(conf=conf),), maxtasksperchild=2)
    slot.start()
    assert done.wait(10)
    closing.set()
    slot.join(10)

    assert log == [
        "start process 1",
        "process 1 begins a",
        "process 1 begins b",
        "start process 2",
        "end process 1",
        "process 2 begins c",
        "end process 2",
    ]
