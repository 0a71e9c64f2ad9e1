"""``python -m tests.faults.chaos``: kill processes at random under short jobs; none is lost or doubled.

Clients submit jobs and wait for each; meanwhile a killer, whose choices a seed decides, kills -9 a process
every few seconds and starts again what an operator's supervisor would. Once on one machine (SQLite,
``memory://``), once on many (PostgreSQL, Valkey, which die as well). The exit code is 1 if a job was lost,
done twice, or is stuck at the end.
"""

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.clients import Client
from tests.faults.deployment import MANY_MACHINES, ONE_MACHINE, Deployment, deployed
from tests.faults.killer import Killer
from tests.faults.verdict import Verdict, judge

CLIENTS = 8
WORKERS = {ONE_MACHINE: 1, MANY_MACHINES: 2}
SLOTS = 2
LEASE_S = 2.0
MAX_ATTEMPTS = (
    50  # a job of one second may well lose its process three times here, which is no fault of its own
)
GRACE_S = 120.0  # after the last kill


def main() -> int:
    """Run both modes; the answer is the exit code."""
    asked = _parser().parse_args()
    say(
        f"{asked.jobs} jobs from {CLIENTS} clients in each mode, kills for {asked.seconds / 2:g} s each, "
        f"seed {asked.seed}, a lease of {LEASE_S:g} s.\n"
        "The jobs train nothing: a toy pipeline sleeps for about a second and saves checkpoints."
    )
    verdicts = [
        _run(mode, asked.jobs, asked.seconds / 2, asked.seed) for mode in (ONE_MACHINE, MANY_MACHINES)
    ]
    for verdict in verdicts:
        say(verdict.report())
    return 0 if all(verdict.is_clean for verdict in verdicts) else 1


def _run(mode: str, jobs: int, seconds: float, seed: int) -> Verdict:
    say(f"\n{mode}:")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        deployed(
            mode, Path(folder), lease_s=LEASE_S, max_attempts=MAX_ATTEMPTS, worker_slots=SLOTS
        ) as service,
    ):
        names = ["api", *(f"worker {number}" for number in range(1, WORKERS[mode] + 1))]
        for name in names:
            service.start(name)
        service.wait_for_api()
        killer = Killer(service, mode, names[1:], seed=seed, seconds=seconds)
        accepted = _submit_all(service, jobs, killer)
        killer.join()
        _wait_for_all(service, accepted)
        return judge(mode, service.workers, accepted, jobs, killer, LEASE_S)


def _submit_all(service: Deployment, jobs: int, killer: Killer) -> list[str]:
    """What the clients were told was accepted; they stop nothing of what the killer does."""
    dataset_id, numbers, lock = service.workers.add_dataset(), iter(range(jobs)), threading.Lock()
    accepted: list[str] = []

    def work() -> None:
        client = Client(service.url)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            job_id = client.submit(dataset_id, number=number)
            with lock:
                accepted.append(job_id)
                if len(accepted) % 25 == 0:
                    say(f"  {len(accepted)} jobs accepted, {len(killer.kills)} kills")
            client.wait(job_id, within_s=killer.seconds_left() + GRACE_S)

    killer.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(work) for _ in range(CLIENTS)]:
            done.result()
    return accepted


def _wait_for_all(service: Deployment, accepted: list[str]) -> None:
    """Clients that gave up may have left jobs behind that only need their time."""
    client, ends_at = Client(service.url), time.monotonic() + GRACE_S
    for job_id in accepted:
        client.wait(job_id, within_s=ends_at - time.monotonic())


def say(text: str) -> None:
    """To whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.chaos", description="Kill at random, and count."
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="of killing, in both modes together")
    parser.add_argument("--jobs", type=int, default=200, help="in each mode")
    parser.add_argument("--seed", type=int, default=0, help="of the killer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
