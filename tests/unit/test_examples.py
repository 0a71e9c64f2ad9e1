"""Every block of code in the documents is run, or checked, by some test; docstrings have doctests."""

import doctest
import importlib

import pytest

from service.api.routes.guide_pages import RUSSIAN
from tests.support.engine.short_searches import short_estimator_searches
from tests.support.examples.blocks import (
    LITERAL_BLOCK,
    PROGRAMS,
    WALKED,
    Block,
    list_blocks,
    list_docstrings,
    list_documents,
    translate_path,
)
from tests.support.examples.dry_run import find_mistakes

BLOCKS = [block for document in list_documents() for block in list_blocks(document)]
ORIGINALS = [block for block in BLOCKS if translate_path(block.document) == block.document]
DRY = [block for block in ORIGINALS if block.runner == "dry"]
DOCSTRINGS = list(list_docstrings())
NO_PROGRAMS = {"kan_engine/expressions/parsing.py"}  # a grammar


@pytest.mark.parametrize("document", sorted({block.document for block in BLOCKS}))
def test_every_block_is_run_or_checked(document: str) -> None:
    blocks = list_blocks(document)
    walked = {block for block in blocks if block.runner == "service"}
    if f"/{RUSSIAN}/" in document:
        original = list_blocks(translate_path(document))
        assert [(each.info, each.content) for each in blocks] == [
            (each.info, each.content) for each in original
        ]
    else:
        assert not walked or document in WALKED


@pytest.mark.parametrize("block", [block for block in ORIGINALS if block.runner is None], ids=str)
def test_what_is_called_no_program_holds_no_commands(block: Block) -> None:
    assert PROGRAMS.findall(block.content) == []


@pytest.mark.parametrize("block", DRY, ids=str)
def test_commands_that_no_test_runs_exist_with_their_options(block: Block) -> None:
    assert find_mistakes(block.content) == []


@pytest.mark.parametrize(
    ("block", "mistake"),
    [
        ("for x in", "syntax error"),
        ("kan-service trian x", "no command 'trian'"),
        ("kan-service keys revoke", "takes 1 to 1 arguments, not 0"),
        ("kan-service keys list --tennant lab", "no option '--tennant'"),
        ("make dmeo", "No rule"),
        ("make bench SECTION=grdi", "no sections"),
        ("docker compose exec -T postgre psql", "no service 'postgre'"),
        ("kubectl apply -k service/kubernetes/nothing", "no overlay"),
        ("kubectl -n kan scale deployment kan-apy --replicas=0", "no manifest makes deployment/kan-apy"),
        ("kubectl get pods --al", "no option --al"),
        ("curl -s $S/jbos", "no path /jbos"),
        ("pip install kan-service", "does not need kan-service"),
        ("frobnicate", "no check knows"),
    ],
)
def test_a_mistake_in_a_command_is_found(block: str, mistake: str) -> None:
    assert mistake in " ".join(find_mistakes(block))


def test_docstrings_have_no_blocks_that_are_no_doctests() -> None:
    literal = {path for path, text in DOCSTRINGS if LITERAL_BLOCK.search(text)}
    assert literal == NO_PROGRAMS


@pytest.mark.parametrize("path", sorted({path for path, text in DOCSTRINGS if ">>> " in text}))
def test_the_examples_of_docstrings_print_what_they_show(path: str) -> None:
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    with short_estimator_searches():
        result = doctest.testmod(importlib.import_module(name))
    assert (result.failed, result.attempted > 0) == (0, True)
