"""Render a model card as Markdown.

Text from clients (names of columns, tags, units, categories) is put in code spans, in which Markdown
interprets no HTML, links, images or headings. It never goes into a table, because a vertical bar ends a cell
even inside a code span. All other text is fixed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from service.schemas.model_card import CardData, CardFeature, CardFormula, CardMaking, CardOut, CardStep
from service.schemas.models import Metrics

SHOWN = 20  # categories, classes or names in a list
NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")  # with text direction marks
MEMBERS = {
    "accurate": "its network",
    "compact": "its compact network",
    "formula": "its formula, which is exact or better than the network on unseen rows",
}
VERDICTS = {
    "exact": "It is exact: as printed, its error is within 1e-7 of the spread of the target.",
    "consistent": "It is consistent with the data: no other model is better, and its residuals look "
    "like noise.",
    "approximation": "It is an approximation: no compact formula was found that explains the data.",
    "weak": "It is weak: a constant, or no better than one on rows that it was not fitted to.",
}


def write_card(card: CardOut) -> str:
    """The card as Markdown."""
    parts = (
        ("", _summary(card)),
        ("Data", _data(card.data)),
        ("Features", map(_feature, card.features)),
        ("Metrics", _metrics(card)),
        ("Formula", _formulas(card)),
        ("Warnings", [f"- {code(_told(warning))}" for warning in card.warnings] or ["None."]),
        ("Limits of use", [f"- {limit}" for limit in card.limits]),
        ("Training", [*_making(card.made), f"- Date: {card.created_at:%Y-%m-%d %H:%M} UTC"]),
        ("Lineage", map(_step, card.lineage)),
    )
    blocks = []
    for title, lines in parts:
        text = "\n".join(lines)
        if text:
            blocks.append(f"## {title}\n\n{text}" if title else text)
    return "\n\n".join(blocks) + "\n"


def code(text: object) -> str:
    """Any text from a client as a code span on one line."""
    line = NO_TEXT.sub(" ", str(text))
    if not line.strip():
        return "(empty)"
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def number(value: float | None) -> str:
    """A number with six significant digits; "unknown" for None."""
    return "unknown" if value is None else f"{value:.6g}"


def _summary(card: CardOut) -> Iterator[str]:
    yield f"# Model {code(card.name)}, version {card.version}"
    yield ""
    unit = f", in {code(card.unit)}" if card.unit else ""
    yield f"Predicts {code(card.target)}{unit}, from {len(card.features)} columns; a {_word(card.task)}."
    yield ""
    yield f"- Id: {code(card.model_id)}"
    others = "" if len(card.members) < 2 else f"; a request chooses with `by`: {_some(card.members)}"
    yield f"- Predictions come from: {MEMBERS[card.by]}{others}"
    if card.classes:
        yield f"- Classes: {_some(card.classes)}"
    if card.aliases:
        yield f"- Aliases: {_some(card.aliases)}"
    for name, value in card.tags.items():
        yield f"- Tag {code(name)}: {code(value)}"


def _data(data: CardData) -> Iterator[str]:
    yield f"- Dataset: {code(data.name) if data.name is not None else 'unknown'}" + (
        "" if data.is_kept else ", which is not in this service"
    )
    yield f"- SHA-256 of its content: {code(data.sha256) if data.sha256 else 'unknown'}"
    yield f"- Rows: {'unknown' if data.rows is None else data.rows}"
    for name, value in data.split.items():
        yield f"- Split, {_word(name)}: {code(value)}"


def _feature(feature: CardFeature) -> str:
    of = [_word(feature.type)]
    if feature.unit:
        of.append(f"in {code(feature.unit)}")
    if feature.min is not None and feature.max is not None:
        low, high = (end if isinstance(end, str) else number(end) for end in (feature.min, feature.max))
        of.append(f"from {low} to {high}")
    if feature.categories:
        of.append(f"one of {_some(feature.categories)}")
    return f"- {code(feature.name)}: {', '.join(of)}. A missing value: {feature.missing}."


def _metrics(card: CardOut) -> Iterator[str]:
    if not any(value is not None for value in card.metrics.values()):
        yield "There are no metrics on unseen rows."
        return
    yield "On the hold-out rows, which no choice used, compared with other models on the same rows."
    yield ""
    own = {**card.metrics, "parameters": card.parameters, "seconds of training": card.training_seconds}
    formula = card.members.get("formula")
    others = [] if formula is None else [("its formula", formula.metrics)]
    others += [
        (b.name, {**b.metrics, "parameters": b.parameters, "seconds of training": b.seconds})
        for b in card.baselines
    ]
    yield from _table([("this model", own), *others])


def _table(columns: Sequence[tuple[str, Metrics]]) -> Iterator[str]:
    yield _row(["metric", *(_word(name) for name, _ in columns)])
    yield _row(["---"] * (len(columns) + 1))
    for metric in columns[0][1]:
        yield _row([_word(metric), *(number(told.get(metric)) for _, told in columns)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _formulas(card: CardOut) -> Iterator[str]:
    if card.formulas is None:
        yield "None was requested, or none was found."
        return
    yield VERDICTS.get(card.formulas.verdict, VERDICTS["approximation"])
    if card.formulas.reasons:
        yield f"It is not rated consistent with the data: {'; '.join(card.formulas.reasons)}."
    if card.formulas.measured_on == "training":
        yield "Its errors are on the training rows: no rows were held out."
    yield ""
    for formula in card.formulas.outputs:
        yield from _formula(formula)


def _formula(formula: CardFormula) -> Iterator[str]:
    of = "" if formula.quantity == "value" else f", the {_word(formula.quantity)}"
    yield f"- {code(formula.name)}{of}: {code(formula.expression)}"
    if formula.quantity == "density":
        errors = f"mean log-likelihood {number(formula.mean_log_likelihood)}"
    else:
        errors = f"R² {number(formula.r2)}, RMSE {number(formula.rmse)}, at most {number(formula.max_error)}"
    yield f"  - Errors: {errors}; complexity {formula.complexity}"
    for name, seen in formula.domain.items():
        meaning = f", which is {code(formula.symbols[name])}" if name in formula.symbols else ""
        yield f"  - Training range of {code(name)}{meaning}: {code(_told(seen))}"


def _making(made: CardMaking) -> Iterator[str]:
    if made.imported is not None:
        yield f"- Imported: {code(_told(made.imported))}"
    yield f"- Job: {code(made.job_id)}"
    yield f"- Version of the code: {code(made.code_version) if made.code_version else 'unknown'}"
    yield f"- Seed: {'unknown' if made.seed is None else made.seed}"
    yield f"- Seconds: {number(made.seconds)}"
    if made.request is not None:
        yield f"- Request: {code(_told(made.request))}"


def _step(step: CardStep) -> str:
    name = "a deleted model" if step.name is None else code(step.name)
    version = "" if step.version is None else f", version {step.version}"
    return f"- {name}{version} ({code(step.model_id)}), by {code(_told(step.changes))}"


def _some(listed: Iterable[Any]) -> str:
    values = list(listed)
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(code(_told(value)) for value in values[:SHOWN]) + more


def _told(value: Any) -> str:
    """A text as it is, the `detail` of a document that has one, anything else as JSON on one line."""
    if isinstance(value, Mapping) and isinstance(value.get("detail"), str):
        return str(value["detail"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _word(text: str) -> str:
    """A name with spaces for underscores; an imported file may contain any text, so signs become ``?``."""
    return re.sub(r"[^\w -]", "?", text).replace("_", " ")
