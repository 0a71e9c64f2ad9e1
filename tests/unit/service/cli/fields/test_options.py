"""Options for the fields of requests, as they are typed."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from service.cli.fields.kinds import KINDS
from service.cli.fields.options import OPTIONS, FieldOption, make_body, take_body

TYPED: dict[str, tuple[str, Any]] = {  # what one types for a field of a kind, and what is sent
    "whole number": ("3", 3),
    "number": ("0.5", 0.5),
    "text": ("law", "law"),
    "column": ("x1", "x1"),
    "columns": ("x1,x2", ["x1,x2"]),
    "words": ("a, b", ["a", "b"]),
    "list": ("3,5", [3, 5]),
    "values": ('3,b,"4"', [3, "b", "4"]),
    "variations": ("network.hidden=auto,[5]", {"network.hidden": ["auto", [5]]}),
    "constants": ("b=0..10", {"b": {"min": 0, "max": 10}}),
    "monotone": ("x1=increasing", {"x1": "increasing"}),
    "bounds": ("0:", {"min": 0}),
    "class weights": ("late=5", {"late": 5}),
    "baselines": ("linear,mlp:987", ["linear", {"kind": "mlp", "parameters": 987}]),
    "edges": ("0,1,2=sin", [{"layer": 0, "in": 1, "out": 2, "function": "sin"}]),
    "indices": ("y=3", {"y": 3}),
    "ranges": ("T=280:400.5", {"T": [280, 400.5]}),
    "cells": ("is_new=true", {"is_new": True}),
}
FIELDS = [(request, name) for request, options in OPTIONS.items() for name in options]


def run(request: str, *words: str) -> Any:
    """The body that a command of a request gets."""
    bodies: list[Any] = []
    app = typer.Typer()
    app.command()(take_body(request)(lambda *, body: bodies.append(body)))
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return bodies[0]


@pytest.mark.parametrize(("request_name", "name"), FIELDS)
def test_every_option_reaches_its_field(request_name: str, name: str) -> None:
    option = OPTIONS[request_name][name]
    text, value = TYPED.get(option.kind) or (
        option.choices[-1:] * 2 if option.choices else ("", option.value)
    )
    body = run(request_name, f"--{name.replace('_', '-')}", *([text] if text else []))
    for part in option.path.split("."):
        body = body[part]
    assert body == value


def test_every_kind_is_typed_in_a_test() -> None:
    assert TYPED.keys() | {"switch", "choice"} == KINDS.keys()


def test_what_was_not_typed_is_left_out() -> None:
    assert [run(request) for request in OPTIONS] == [{}] * len(OPTIONS)


def test_a_switch_takes_the_place_of_what_it_switches_off() -> None:
    options = {
        "no_rest": FieldOption("rest", "switch", "", value=False),
        "minutes": FieldOption("rest.minutes", "whole number", ""),
    }
    assert make_body(options, {"no_rest": False, "minutes": 3}) == {"rest": {"minutes": 3}}
    assert make_body(options, {"no_rest": True, "minutes": 3}) == {"rest": False}


@pytest.mark.parametrize("words", [["--within", "280:400"], ["--fix", "material="], ["--count", "0"]])
def test_what_is_written_otherwise_is_refused(words: list[str], typed: Any) -> None:
    assert typed("next-rows", "law", *words).exit_code == 2


def test_options_of_several_requests_may_be_taken_in_part() -> None:
    bodies: list[Any] = []
    app = typer.Typer()
    app.command()(take_body("study", "train", only=("refine", "seed"))(lambda *, body: bodies.append(body)))
    assert CliRunner().invoke(app, ["--refine", "--seed", "3"]).exit_code == 0
    assert CliRunner().invoke(app, ["--grid", "3"]).exit_code == 2
    assert bodies == [{"seed": 3, "refine": True}]
