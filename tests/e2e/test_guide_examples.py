"""The examples of the README and the guide, as a reader runs them: in one terminal and one Python.

The README comes first, then the guide page by page. ``tests/support/examples/blocks.py`` says which blocks
are run; in ``sh refused`` the service has to say no. JSON right behind a block of the shell is what that
prints: each of its keys has to be there, with a value of the same kind. The pages in Russian have the same
blocks (``tests/unit/test_examples.py``).
"""

import contextlib
import io
import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine.short_searches import short_estimator_searches, use_first_results
from tests.support.examples.blocks import WALKED, Block, list_blocks
from tests.support.servers import whole_service

WRITTEN = "http://127.0.0.1:8000"
TIMEOUT_S = 600
WAIT_LONGER = """
curl() {  # a job that takes longer than the reader waits, because other tests run beside it, may take longer
    for word in "$@"; do
        case "$word" in *"?wait=60")
            while command curl -s "$word" | grep -qE '"status": ?"(queued|running)"'; do :; done ;;
        esac
    done
    command curl "$@"
}
"""


class Terminal:
    """A shell that keeps its variables from block to block, and stops at the first command that fails."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        scripts = sysconfig.get_path("scripts")  # holds kan-service, and a python3 that has NumPy
        own = {"CURL_HOME": str(folder), "KANSERVICE_URL": url, "PATH": f"{scripts}:{os.environ['PATH']}"}
        self._environment = os.environ | own
        (folder / ".curlrc").write_text("fail-with-body\n")  # else an answer of 404 is no failure to curl

    def run(self, block: str) -> tuple[bool, str]:
        """Whether all of it succeeded, and what it printed."""
        known = self._folder / "variables"
        before = f"{WAIT_LONGER}set -euo pipefail\n[ ! -f '{known}' ] || . '{known}' 2> /dev/null\n"
        after = f"\n{{ declare -p S DATASET 2> /dev/null || true; declare -f; }} > '{known}'\n"
        done = subprocess.run(
            ["bash", "-c", before + block + after],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode == 0, done.stdout


def needs_engine_only(block: Block) -> bool:
    return block.runner == "engine"


def run_python(block: Block, names: dict[str, Any], url: str = WRITTEN) -> None:
    """Run a block with the names of those before it; it has to print something."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(block.content.replace(WRITTEN, url), str(block), "exec"), names)
    assert output.getvalue().strip(), str(block)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """``kan-service serve``; a worker with two slots has no job wait for a fresh process."""
    allowed = {"KAN_WEBHOOKS": "on", "KAN_WEBHOOK_HOSTS": "127.0.0.1:9000"}  # a receiver in the guide
    with whole_service(tmp_path, KAN_WORKER_SLOTS="2", **allowed) as serving:
        yield serving.url


@pytest.mark.thorough
@pytest.mark.timeout(1800)  # about fifty jobs, one after the other
def test_every_example_does_what_the_guide_says(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KANSERVICE_URL", url)
    terminal, names = Terminal(tmp_path, url), dict[str, Any]()
    for document in WALKED:
        printed = None
        for block in list_blocks(document):
            if block.runner is None and block.info == "json" and printed is not None:
                assert not differences(json.loads(block.content), json.loads(printed)), str(block)
            printed = None
            if block.runner == "dry" or block.runner is None:
                continue
            if block.info.startswith("python"):
                run_python(block, names, url)
            else:
                succeeded, printed = terminal.run(block.content.replace(WRITTEN, url))
                assert succeeded is (block.info == "sh"), f"{block} printed {printed}"


@pytest.mark.filterwarnings("ignore")  # a short search may end without what the guide shows
@pytest.mark.parametrize(
    "document", [each for each in WALKED if any(map(needs_engine_only, list_blocks(each)))]
)
def test_examples_of_the_engine_need_no_service(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = dict[str, Any]()
    with short_estimator_searches(use_first_results):
        for block in filter(needs_engine_only, list_blocks(document)):
            run_python(block, names)


def test_answers_that_differ_in_kind_are_noticed() -> None:
    shown = {"a": [{"b": 1}], "c": "…", "d": None}
    assert differences(shown, {"a": [{"b": 2.5, "more": 0}, {}], "c": "x", "d": None}) == []
    assert differences(shown, {"a": [{}], "c": 1}) == ["/a/0/b", "/c", "/d"]
    assert differences(shown, {"a": [], "c": "", "d": 0}) == ["/a/0", "/d"]


def differences(shown: Any, answer: Any, place: str = "") -> list[str]:
    """Places at which an answer lacks what is shown, or has something of another kind."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        return [
            wrong
            for key, value in shown.items()
            for wrong in (
                differences(value, answer[key], f"{place}/{key}") if key in answer else [f"{place}/{key}"]
            )
        ]
    if isinstance(shown, list) and isinstance(answer, list):
        if shown and not answer:
            return [f"{place}/0"]
        return differences(shown[0], answer[0], f"{place}/0") if shown else []
    return [] if kind_of(shown) == kind_of(answer) else [place]


def kind_of(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
