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
LEASE_S = 2.0
# A job of one second may well lose its process three times here, which is no fault of its own
MAX_ATTEMPTS = 50
GRACE_S = 120.0  # after the last kill


def main() -> int:
    """Run both modes with every number of slots; the answer is the exit code."""
    asked = _parser().parse_args()
    seeds = range(asked.seed, asked.seed + asked.seeds)
    rounds = [
        (mode, slots, seed)
        for seed in seeds
        for slots in asked.slots
        for mode in (ONE_MACHINE, MANY_MACHINES)
    ]
    say(
        f"{asked.jobs} jobs from {CLIENTS} clients in each mode, "
        f"with {' and '.join(map(str, asked.slots))} slots, "
        f"kills for {asked.seconds / len(rounds):g} s each, {len(seeds)} seeds from {asked.seed} on, "
        f"a lease of {LEASE_S:g} s.\n"
        "The jobs train nothing: a toy pipeline sleeps for about a second and saves checkpoints."
    )
    verdicts = []
    for mode, slots, seed in rounds:
        verdicts.append(_run(mode, slots, asked.jobs, asked.seconds / len(rounds), seed))
        say(verdicts[-1].report())
    bad = sum(not verdict.is_clean for verdict in verdicts)
    say(f"\n{len(rounds)} rounds, {asked.jobs * len(rounds)} jobs, {bad} rounds that were not clean")
    return 0 if all(verdict.is_clean for verdict in verdicts) else 1


def _run(mode: str, slots: int, jobs: int, seconds: float, seed: int) -> Verdict:
    say(f"\n{mode}, {slots} slots for each worker, seed {seed}:")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        deployed(
            mode, Path(folder), lease_s=LEASE_S, max_attempts=MAX_ATTEMPTS, worker_slots=slots
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
            killer.may_submit.wait()
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
    parser.add_argument("--seconds", type=float, default=300.0, help="of killing, in all rounds together")
    parser.add_argument("--jobs", type=int, default=200, help="in each round")
    parser.add_argument("--seed", type=int, default=0, help="of the killer, the first")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument(
        "--slots", type=int, nargs="+", default=[1, 2], help="of each worker, one after the other"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
