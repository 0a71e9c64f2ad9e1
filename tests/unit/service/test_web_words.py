"""Every script of the page finds the words that it asks for."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from kan_engine.cost import OPTIMIZERS
from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.drawing.translations import LAWS
from kan_engine.expressions.evaluation import Variable
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas import schedule
from kan_engine.formulas.judge import EXACT, NOISE
from kan_engine.formulas.search import Step, Strategy
from kan_engine.formulas.trace import TIME_LIMIT
from kan_engine.search.context import SearchContext
from kan_engine.search.members import Members
from kan_engine.search.schedule import schedule_classes, schedule_formulas, schedule_numbers
from service.schemas.members import Member
from tests.support.tables import request_for, table_of
from worker.data.preparation import prepare_data
from worker.pipelines.search_plan import make_plan

WEB = Path("service/web")
WORDS = {
    key: words
    for name in ("en", "forms.en", "fields.en")
    for key, words in json.loads((WEB / f"i18n/{name}.json").read_text()).items()
}
SCRIPTS = sorted(path for path in (WEB / "js").rglob("*.js"))
SOURCE = "".join(script.read_text() for script in SCRIPTS)
TEMPLATE = re.compile(r"(?:t\(|named\(|[=?:(]) *`([^`\n]*)`")
ASKED = re.compile(r"""(?<![\w.])t\(\s*(?:"([^"]+)"|`([^`$]*)(\$)?)""")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(WEB / "js").as_posix())
def test_a_script_has_its_words(script: Path) -> None:
    for literal, beginning, is_open in ASKED.findall(script.read_text()):
        if literal or not is_open:
            assert (literal or beginning) in WORDS
        else:
            assert any(key.startswith(beginning) for key in WORDS)


def test_every_function_of_the_library_has_words() -> None:
    assert [name for name in LIBRARY if f"model.function.{name}" not in WORDS] == []


def test_every_transform_of_a_target_has_words() -> None:
    assert [name for name in TRANSFORMS if f"model.transform.{name}" not in WORDS] == []


def test_the_page_names_every_transform_of_an_output() -> None:
    source = Path("service/web/js/model/curves/selection.js").read_text(encoding="utf-8")
    assert {"identity", *re.findall(r'(\w+): \["', source)} == {*TRANSFORMS}


def test_every_optimizer_has_words() -> None:
    assert [name for name in ("auto", *OPTIMIZERS) if f"set.optimizer.{name}" not in WORDS] == []


def test_every_law_of_a_density_has_words() -> None:
    source = "".join(
        Path(f"kan_engine/density/{name}.py").read_text() for name in ("distributions", "law_recognition")
    )
    laws = re.findall(r'name="([^"]+)"(?: if sign > 0 else "([^"]+)")?,', source)
    names = [name for found in laws for name in found if name]
    parameters = [
        name.rstrip("+")
        for listed in re.findall(r"parameters=\(([^)]*)\)", source)
        for name in re.findall(r'"([^"]+)"', listed)
    ]
    assert min(len(names), len(parameters)) > 12
    russian = json.loads((WEB / "i18n/ru.json").read_text())
    assert {name: russian[f"model.law name.{name}"] for name in names} == LAWS
    assert [name for name in names if f"model.law name.{name}" not in WORDS] == []
    assert [name for name in parameters if f"model.law parameter.{name}" not in WORDS] == []


def test_every_stage_of_a_job_has_words() -> None:
    sources = [path.read_text() for folder in ("worker", "kan_engine") for path in Path(folder).rglob("*.py")]
    reported = r'(?:report|stage|JobProgress)\(\s*"(\w+)"'
    stages = {stage for source in sources for stage in re.findall(reported, source)}
    assert len(stages) > 8
    assert [stage for stage in stages if f"stage.{stage}" not in WORDS] == []


def test_every_message_of_a_job_has_words() -> None:
    sources = [path.read_text() for folder in ("worker", "kan_engine") for path in Path(folder).rglob("*.py")]
    told = r'(?:report|stage|JobProgress)\(\s*"\w+",\s[^"\n]+,\s"([^"\n]+)"'
    messages = {message for source in sources for message in re.findall(told, source)}
    assert len(messages) > 15
    assert [message for message in messages if f"doing.{message}" not in WORDS] == []


def test_every_step_of_a_search_has_words() -> None:
    strategies = list_strategies()
    assert len(strategies) > 20
    assert [each.name for each in strategies if f"strategy.{each.name}" not in WORDS] == []
    messages = {each.message for each in strategies if each.message}
    assert [message for message in messages if f"doing.{message}" not in WORDS] == []


def test_every_outcome_of_a_step_has_words() -> None:
    sources = "".join(
        Path(f"{name}.py").read_text()
        for name in (
            "kan_engine/formulas/schedule",
            "kan_engine/formulas/judge",
            "kan_engine/formulas/search",
            "kan_engine/search/model_search",
            "kan_engine/search/schedule",
            "worker/execution/search_recorder",
        )
    )
    lines = re.findall(r".*(?:\breturn\b|\boutcome\b.* = |record_end\().*", sources)
    outcomes = {text for line in lines for text in re.findall(r'(?<!f)"([a-z]+(?: [a-z]+)+)"', line)}
    outcomes |= {f"more than {most} columns" for most in re.findall(r"partial\(is_wide, (\d+)\)", sources)}
    outcomes |= {EXACT, NOISE, TIME_LIMIT}
    assert len(outcomes) > 14
    assert [text for text in outcomes if f"outcome.{text}" not in WORDS] == []


def list_strategies() -> list[Strategy]:
    """The strategies of every schedule, also of those inside reductions."""
    x = np.linspace(0, 1, 30)
    request = request_for(form="k*x")
    table = table_of(x=x, y=2 * x)
    plan, members = make_plan(table, request), Members()
    run = SearchContext.create(prepare_data(table, plan, thresholds=DEFAULT_DATA), plan.config)
    steps = [
        *schedule_numbers(run, members),
        *schedule_classes(run, members),
        *schedule_formulas(run, members, [Variable("x")]),
    ]
    for known in vars(schedule).values():
        steps += [step for step in known if isinstance(step, Step)] if isinstance(known, tuple) else []
    return [step.strategy for step in steps]


def test_all_words_are_asked_for() -> None:
    named = re.findall(r'named\("([^"]+)"', SOURCE)
    asked = [re.escape(group) + r"\..+" for group in named]
    asked += [_pattern(template) for template in TEMPLATE.findall(SOURCE) if "${" in template]
    literal = {*re.findall(r'"([^"\n]*)"', SOURCE), *re.findall(r"\$(\w+)", (WEB / "index.html").read_text())}
    assert [k for k in WORDS if k not in literal and not any(re.fullmatch(one, k) for one in asked)] == []


def _pattern(template: str) -> str:
    """What a template with gaps can become; one that is nothing but gaps asks for no words in particular."""
    parts = re.split(r"\$\{[^}]*\}", template)
    return ".+".join(map(re.escape, parts)) if len("".join(parts)) > 1 else "$^"


@pytest.mark.parametrize("member", get_args(Member))
@pytest.mark.parametrize("place", ["model.fit.curve", "model.answer.by"])
def test_every_member_has_its_words(member: str, place: str) -> None:
    assert f"{place}.{member}" in WORDS
