"""Every example of the README and the guide, as a reader runs it: in one terminal and one Python.

The README comes first, then the guide page by page. Blocks in ``sh`` and ``python`` are run, of the README
those that call curl; in ``sh refused`` the service has to say no. JSON right behind a block of the shell is
what that prints: each of its keys has to be there, with a value of the same kind.
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
from markdown_it import MarkdownIt

from service.api.routes.guide_pages import ENGLISH, PAGES, read_source
from service.schemas.training import TrainRequest
from tests.support.servers import whole_service

README = Path(__file__).parents[2] / "README.md"
WRITTEN = "http://127.0.0.1:8000"
TIMEOUT_S = 120


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
        before = f"set -euo pipefail\n[ ! -f '{known}' ] || . '{known}' 2> /dev/null\n"
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


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """``kan-service serve``; a worker with two slots has no job wait for a fresh process."""
    allowed = {"KAN_WEBHOOKS": "on", "KAN_WEBHOOK_HOSTS": "127.0.0.1:9000"}  # a receiver in the guide
    with whole_service(tmp_path, KAN_WORKER_SLOTS="2", **allowed) as serving:
        yield serving.url


@pytest.mark.thorough
@pytest.mark.timeout(900)  # about fifty jobs, one after the other
def test_every_example_does_what_the_guide_says(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KANSERVICE_URL", url)
    terminal, names = Terminal(tmp_path, url), dict[str, Any]()
    run = 0
    for name, examples in [("README", readme_blocks()), *((name, blocks(name)) for name in PAGES)]:
        printed = None
        for kind, block in examples:
            told = f"{name}.md:\n{block}"
            if kind in ("sh", "sh refused"):
                succeeded, printed = terminal.run(block.replace(WRITTEN, url))
                assert succeeded is (kind == "sh"), f"{told}\nprinted {printed}"
            elif kind == "python":
                with contextlib.redirect_stdout(io.StringIO()) as output:
                    exec(compile(block.replace(WRITTEN, url), f"{name}.md", "exec"), names)
                assert output.getvalue().strip(), told
            elif kind == "json" and printed is not None:
                assert not differences(json.loads(block), json.loads(printed)), told
            printed = printed if kind.startswith("sh") else None
            if kind != "json":
                run += 1
    assert run > 20


def test_the_body_that_is_written_out_has_all_defaults() -> None:
    body = json.loads(next(block for kind, block in blocks("tuning") if kind == "json"))
    shown = TrainRequest.model_validate(body)
    plain = TrainRequest(dataset_id=body["dataset_id"], target=body["target"])
    assert shown == plain
    assert body.keys() == plain.model_dump().keys()


def test_answers_that_differ_in_kind_are_noticed() -> None:
    shown = {"a": [{"b": 1}], "c": "…", "d": None}
    assert differences(shown, {"a": [{"b": 2.5, "more": 0}, {}], "c": "x", "d": None}) == []
    assert differences(shown, {"a": [{}], "c": 1}) == ["/a/0/b", "/c", "/d"]
    assert differences(shown, {"a": [], "c": "", "d": 0}) == ["/a/0", "/d"]


def blocks(name: str) -> list[tuple[str, str]]:
    """The blocks of code of a page of the guide, with the words behind their fences."""
    return fences(read_source(name, ENGLISH))


def readme_blocks() -> list[tuple[str, str]]:
    """The blocks of the README that call a service."""
    found = [(kind, block) for kind, block in fences(README.read_text(encoding="utf-8")) if "curl" in block]
    assert found, "the README has no example"
    return found


def fences(text: str) -> list[tuple[str, str]]:
    """Blocks of code in Markdown, with the words behind their fences."""
    tokens = MarkdownIt().parse(text)
    return [(token.info, token.content) for token in tokens if token.type == "fence"]


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
