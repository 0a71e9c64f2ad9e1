"""Messages of the service in the words of the command line."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.cli.support.errors import describe_refusal
from service.cli.support.wording import find_option, remember_options, translate
from service.client import ApiError

OPTIONS = "target weight target_error grid hidden no_formula constant form max_seconds serve drop"
COMPACT, UNITS = "no_compact max_edges", "unit units"


@pytest.fixture(autouse=True)
def _train() -> None:
    """A command with options and an argument."""
    known: list[Any] = [
        SimpleNamespace(name=name, opts=[f"--{name.replace('_', '-')}"])
        for name in f"{OPTIONS} {COMPACT} {UNITS}".split()
    ]
    argument: Any = SimpleNamespace(name="table", opts=["table"])
    context: Any = SimpleNamespace(command=SimpleNamespace(params=[argument, *known]))
    remember_options(context)


@pytest.mark.parametrize(
    ("service", "command_line"),
    [
        ("GET /datasets lists them", "'kan-service datasets list' lists them"),
        ("GET /models lists them", "'kan-service models list' lists them"),
        ("GET /models?name= lists them", "'kan-service models list --name NAME' lists them"),
        ("its status is failed; POST /jobs/j1/retry", "its status is failed; 'kan-service jobs retry j1'"),
        ("it is at /models/m1", "'kan-service models show m1' shows it"),
        (
            "are at /models/m1/edges?network=accurate",
            "are listed by 'kan-service models edges m1'",
        ),
        (
            'the weights follow from "target_error"; omit "weight"',
            "the weights follow from --target-error; omit --weight",
        ),
        ('needs a formula; omit "symbolic": false', "needs a formula; omit --no-formula"),
        ('omit "serve": "formula"', "omit --serve formula"),
        ('the compact network; omit "compact": false', "the compact network; omit --no-compact"),
        ("add form, or omit constants", "add --form, or omit --constant"),
        ("lower hidden or grid, or use fewer features", "lower --hidden or --grid, or use fewer features"),
        ("#/network/grid: must be at least 1", "--grid: must be at least 1"),
        ("#: a form is a formula", "a form is a formula"),
        ("begin with network.grid, which is 3", "begin with --grid, which is 3"),
        ("max_seconds may be at most 3", "--max-seconds may be at most 3"),
    ],
)
def test_requests_become_commands_and_fields_options(service: str, command_line: str) -> None:
    assert translate(service) == command_line


@pytest.mark.parametrize(
    "message",
    [
        "the target 'max_seconds' is text; see row 3",  # a column
        'there is no column "weight of it"',
        "the grid is too fine in form and target",  # words
        "per_group needs a formula",  # no option of this command
        "#/domain: required",
        "cannot read /home/max_seconds/x",
    ],
)
def test_other_words_stay(message: str) -> None:
    assert translate(message) == message


def test_settings_of_a_study_keep_their_paths() -> None:
    assert translate("--vary: no training has network.grid = 0") == "--vary: no training has network.grid = 0"


@pytest.mark.parametrize(
    ("pointer", "option"),
    [
        ("#/network/hidden/0", "--hidden"),
        ("#/weight", "--weight"),
        ("#/units/x", "--unit"),
        ("#/units", "--units"),
        ("#/domain", None),
        ("", None),
    ],
)
def test_a_place_in_a_body_is_an_option(pointer: str, option: str | None) -> None:
    assert find_option(pointer) == option


def test_a_mistake_begins_with_its_option_once() -> None:
    def refuse(detail: str) -> str:
        return translate(describe_refusal(ApiError(422, "bad", detail, [{"pointer": "#/weight"}])))

    assert refuse("there is no column 'w'") == "--weight: there is no column 'w'"
    assert refuse('omit "weight"') == "omit --weight"
    assert refuse("#/weight: required") == "--weight: required"
