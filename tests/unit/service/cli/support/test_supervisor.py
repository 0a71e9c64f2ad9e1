import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.cli.support.supervisor import RestartPolicy, Supervisor
from tests.support.servers import wait_until


def supervise(*code: str, drain_s: float = 5.0, **options: object) -> Supervisor:
    commands = {f"child {n}": [sys.executable, "-c", text] for n, text in enumerate(code)}
    return Supervisor(commands, os.environ, drain_s=drain_s, **options)


def write_pid_then(path: Path, then: str) -> str:
    return f"import os, time\nopen({str(path)!r}, 'a').write(f'{{os.getpid()}}\\n')\n{then}"


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_children_are_started_in_the_group_of_their_parent_and_stopped(tmp_path: Path) -> None:
    log = tmp_path / "pids"
    supervisor = supervise(*[write_pid_then(log, "time.sleep(60)")] * 2)
    supervisor.check_children()
    wait_until(lambda: len(pids(log)) == 2)
    assert {os.getpgid(pid) for pid in pids(log)} == {os.getpgid(0)}
    supervisor.stop()
    assert not any(is_running(pid) for pid in pids(log))


def test_a_child_that_ends_is_started_again_later_and_later(tmp_path: Path) -> None:
    log = tmp_path / "pids"
    policy = RestartPolicy(first_pause_s=0.05, max_pause_s=0.1)
    supervisor = supervise(write_pid_then(log, "raise SystemExit(3)"), policy=policy)
    pauses = set()

    def has_started_thrice() -> bool:
        supervisor.check_children()
        pauses.add(supervisor._children[0].pause_s)
        return len(pids(log)) >= 3

    wait_until(has_started_thrice)
    supervisor.stop()
    assert {0.05, 0.1} <= pauses


def test_a_child_that_has_run_long_starts_again_at_once(tmp_path: Path) -> None:
    log = tmp_path / "pids"
    policy = RestartPolicy(min_steady_run_s=0.0)
    supervisor = supervise(write_pid_then(log, "raise SystemExit(0)"), policy=policy)
    supervisor._children[0].pause_s = 30.0
    supervisor.check_children()
    wait_until(lambda: supervisor._children[0].process is None or not supervisor.check_children())
    wait_until(lambda: supervisor.check_children() is None and len(pids(log)) >= 2)
    supervisor.stop()


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "pids"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    policy = RestartPolicy(kill_after_s=0.1)
    supervisor = supervise(ignore + write_pid_then(log, "time.sleep(60)"), drain_s=0.1, policy=policy)
    supervisor.check_children()
    wait_until(lambda: len(pids(log)) == 1)
    supervisor.stop()
    assert not is_running(pids(log)[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_the_exit_code_is_zero(number: signal.Signals) -> None:
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    looks = []

    def on_look() -> bool:
        looks.append(time.monotonic())
        os.kill(os.getpid(), number)
        return True

    try:
        assert supervise("import time; time.sleep(60)", on_look=on_look).run() == 0
    finally:
        for n, handler in handlers.items():
            signal.signal(n, handler)
    assert len(looks) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_children_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "pids"
    code = (
        "import os, sys\nfrom service.cli.support.supervisor import Supervisor\n"
        f"child = [sys.executable, '-c', {write_pid_then(log, 'time.sleep(60)')!r}]\n"
        "Supervisor({'child': child}, os.environ, drain_s=1).run()"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_until(lambda: len(pids(log)) == 1)
        process.kill()
    wait_until(lambda: not is_running(pids(log)[0]))
