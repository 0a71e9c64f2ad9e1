"""``kan-service fix`` with a service that is only played."""

from typing import Any

import pytest

from tests.unit.service.cli.played import Played


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (
            "--edge 0,1,2=sin --edge 0-2,0,0=x^2",
            {
                "fix": [
                    {"layer": 0, "in": 1, "out": 2, "function": "sin"},
                    {"layer": 0, "to_layer": 2, "in": 0, "out": 0, "function": "x^2"},
                ]
            },
        ),
        ("--forbid sin,cos --forbid exp", {"forbid": ["sin", "cos", "exp"]}),
        ("--max-complexity 9 --drop x1", {"max_complexity": 9, "drop": ["x1"]}),
        ("--choose 3", {"choose": 3}),
        ("--choose y=3 --choose a=b=0", {"choose": {"y": 3, "a=b": 0}}),
        ("--serve formula --max-edges 5", {"serve": "formula", "compact": {"max_edges": 5}}),
        ("--choose 0 --name best --max-seconds 9", {"choose": 0, "name": "best", "max_seconds": 9.0}),
    ],
)
def test_every_wish_reaches_the_job(typed: Any, played: Played, options: str, body: dict[str, Any]) -> None:
    ended = typed("fix", "law", "--no-picture", *options.split())
    assert (ended.exit_code, "formula:   y = " in ended.stdout) == (0, True)
    assert played.asked == [("submit", None, {"kind": "symbolic", "model_id": "law"} | body)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", "--edge, --forbid"),
        ("--name best", "--edge, --forbid"),
        ("--edge 0,1=sin", "'0,1=sin' is not LAYER,IN,OUT=FUNCTION"),
        ("--choose first", "give one number"),
        ("--choose 1 --choose 2", "OUTPUT=NUMBER"),
        ("--choose 1 --forbid sin", "omit --edge"),
        ("--forbid sin --picture a.txt", "--picture"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(
    typed: Any, played: Played, options: str, told: str
) -> None:
    ended = typed("fix", "law", *options.split())
    assert (ended.exit_code, told in ended.stderr, played.asked) == (2, True, [])
