"""Render a model card as Markdown.

Text from clients (names of columns, tags, units, categories) is put in code spans, in which Markdown
interprets no HTML, links, images or headings. It never goes into a table, because a vertical bar ends a cell
even inside a code span. All other text is fixed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from service.documents.readable_numbers import format_by_error, format_metric, round_numbers
from service.errors import join_texts
from service.schemas.formulas import ConstantOut
from service.schemas.members import Metrics
from service.schemas.registry.card import CardData, CardFeature, CardFormula, CardMaking, CardOut, CardStep

# With text direction marks
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
MEMBERS = {
    "accurate": "its most accurate network",
    "compact": "its compact network",
    "formula": "its formula, which is exact or as good as its networks on unseen rows",
    "linear": "its linear model: no other member is better on unseen rows by more than chance",
}
VERDICTS = {
    "exact": "It is exact: as printed, its error is within 1e-7 of the spread of the target.",
    "consistent": "It is consistent with the data: no other model is better, and its residuals look "
    "like noise.",
    "approximation": "It is an approximation: no compact formula was found that explains the data.",
    "weak": "It is weak: a constant, or no better than one on rows that it was not fitted to.",
}


def render_card(card: CardOut) -> str:
    """The card as Markdown."""
    parts = (
        ("", _render_summary(card)),
        ("Data", _render_data(card.data)),
        ("Features", map(_render_feature, card.features)),
        ("Metrics", _render_metrics(card)),
        ("Formula", _render_formulas(card)),
        ("Warnings", [f"- {format_code(_to_text(warning))}" for warning in card.warnings] or ["None."]),
        ("Limits of use", [f"- {limit}" for limit in card.limits]),
        ("Training", [*_render_provenance(card.made), f"- Date: {card.created_at:%Y-%m-%d %H:%M} UTC"]),
        ("Lineage", map(_render_step, card.lineage)),
    )
    blocks = []
    for title, lines in parts:
        text = "\n".join(lines)
        if text:
            blocks.append(f"## {title}\n\n{text}" if title else text)
    return "\n\n".join(blocks) + "\n"


def format_code(text: object) -> str:
    """Any text from a client as a code span on one line."""
    line = CONTROL_CHARACTERS.sub(" ", str(text))
    if not line.strip():
        return "(empty)"
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def format_number(value: float | None) -> str:
    """A number with six significant digits; "unknown" for None."""
    return "unknown" if value is None else f"{value:.6g}"


def _render_summary(card: CardOut) -> Iterator[str]:
    yield f"# Model {format_code(card.name)}, version {card.version}"
    yield ""
    unit = f", in {format_code(card.unit)}" if card.unit else ""
    task = f"{len(card.features)} columns; a {_to_words(card.task)}"
    yield f"Predicts {format_code(card.target)}{unit}, from {task}."
    yield ""
    yield f"- Id: {format_code(card.model_id)}"
    requested_member = (card.made.request or {}).get("serve")
    by = "its formula, as the job requested" if card.by == requested_member == "formula" else MEMBERS[card.by]
    choices = "" if len(card.members) < 2 else f"; a request chooses with `by`: {_format_list(card.members)}"
    yield f"- Predictions come from: {by}{choices}"
    if card.classes:
        yield f"- Classes: {_format_list(card.classes)}"
    if card.aliases:
        yield f"- Aliases: {_format_list(card.aliases)}"
    for name, value in card.tags.items():
        yield f"- Tag {format_code(name)}: {format_code(value)}"


def _render_data(data: CardData) -> Iterator[str]:
    yield f"- Dataset: {format_code(data.name) if data.name is not None else 'unknown'}" + (
        "" if data.is_kept else ", which is not in this service"
    )
    yield f"- SHA-256 of its content: {format_code(data.sha256) if data.sha256 else 'unknown'}"
    yield f"- Rows: {'unknown' if data.rows is None else data.rows}"
    for name, value in data.split.items():
        yield f"- Split, {_to_words(name)}: {format_code(value)}"


def _render_feature(feature: CardFeature) -> str:
    of = [_to_words(feature.type)]
    if feature.unit:
        of.append(f"in {format_code(feature.unit)}")
    if feature.min is not None and feature.max is not None:
        low, high = (
            end if isinstance(end, str) else format_number(end) for end in (feature.min, feature.max)
        )
        of.append(f"from {low} to {high}")
    if feature.categories:
        of.append(f"one of {_format_list(feature.categories)}")
    return f"- {format_code(feature.name)}: {', '.join(of)}. A missing value: {feature.missing}."


def _render_metrics(card: CardOut) -> Iterator[str]:
    if not any(value is not None for value in card.metrics.values()):
        yield "There are no metrics on unseen rows."
        return
    yield "On the hold-out rows, which no choice used, compared with other models on the same rows."
    yield ""
    metrics = {**card.metrics, "parameters": card.parameters, "seconds of training": card.training_seconds}
    members = {"compact": "its compact network", "formula": "its formula", "linear": "its linear model"}
    columns = [(words, card.members[name].metrics) for name, words in members.items() if name in card.members]
    columns += [
        (b.name, {**b.metrics, "parameters": b.parameters, "seconds of training": b.seconds})
        for b in card.baselines
    ]
    yield from _render_table([("this model", metrics), *columns])


def _render_table(columns: Sequence[tuple[str, Metrics]]) -> Iterator[str]:
    yield _render_row(["metric", *(_to_words(name) for name, _ in columns)])
    yield _render_row(["---"] * (len(columns) + 1))
    for metric in columns[0][1]:
        cells = (format_metric(metric, metrics.get(metric), 6) or "unknown" for _, metrics in columns)
        yield _render_row([_to_words(metric), *cells])


def _render_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _render_formulas(card: CardOut) -> Iterator[str]:
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
        yield from _render_formula(formula)


def _render_formula(formula: CardFormula) -> Iterator[str]:
    of = "" if formula.quantity == "value" else f", the {_to_words(formula.quantity)}"
    yield f"- {format_code(formula.name)}{of}: {format_code(round_numbers(formula.expression))}"
    if formula.quantity == "density":
        errors = f"mean log-likelihood {format_number(formula.mean_log_likelihood)}"
    else:
        errors = (
            f"R² {format_metric('r2', formula.r2) or 'unknown'}, RMSE {format_number(formula.rmse)}, at most "
            f"{format_number(formula.max_error)}"
        )
    yield f"  - Errors: {errors}; complexity {formula.complexity}"
    if formula.probability is not None:
        yield f"  - Probability that it is the law up to its constants: {format_number(formula.probability)}"
    if formula.constants:
        yield f"  - Constants: {_format_list(map(_describe_constant, formula.constants))}"
    for places in formula.undetermined:
        constants = [formula.constants[place] for place in places if place in range(len(formula.constants))]
        yield (
            f"  - The rows do not determine {_format_list(map(_name_constant, constants))} one by one: other "
            "values fit as well, so they have no standard errors"
        )
    for name, interval in formula.domain.items():
        meaning = f", which is {format_code(formula.symbols[name])}" if name in formula.symbols else ""
        yield f"  - Training range of {format_code(name)}{meaning}: {format_code(_to_text(interval))}"


def _describe_constant(constant: ConstantOut) -> str:
    """A constant as ``a = 2.0060 ± 0.0026 s/m^(1/2)``, and the constant of nature that it is."""
    error = constant.standard_error
    value, margin = (format_by_error(number, error) for number in (constant.value, error))
    symbol, error_text = f"{constant.symbol} =" if constant.symbol else "", f"± {margin}" if margin else ""
    parts = [symbol, value, error_text, constant.unit]
    return " ".join(filter(None, parts)) + (f" ({constant.name})" if constant.name else "")


def _name_constant(constant: ConstantOut) -> str:
    return constant.symbol or format_number(constant.value)


def _render_provenance(origin: CardMaking) -> Iterator[str]:
    if origin.imported is not None:
        yield f"- Imported: {format_code(_to_text(origin.imported))}"
    yield f"- Job: {format_code(origin.job_id)}"
    yield f"- Version of the code: {format_code(origin.code_version) if origin.code_version else 'unknown'}"
    yield f"- Seed: {'unknown' if origin.seed is None else origin.seed}"
    yield f"- Seconds: {format_number(origin.seconds)}"
    if origin.request is not None:
        yield f"- Request: {format_code(_to_text(origin.request))}"


def _render_step(step: CardStep) -> str:
    name = "a deleted model" if step.name is None else format_code(step.name)
    version = "" if step.version is None else f", version {step.version}"
    return f"- {name}{version} ({format_code(step.model_id)}), by {format_code(_to_text(step.changes))}"


def _format_list(values: Iterable[Any]) -> str:
    return join_texts(format_code(_to_text(value)) for value in values)


def _to_text(value: Any) -> str:
    """A text as it is, the `detail` of a document that has one, anything else as JSON on one line."""
    if isinstance(value, Mapping) and isinstance(value.get("detail"), str):
        return str(value["detail"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _to_words(text: str) -> str:
    """A name with spaces for underscores; an imported file may contain any text, so signs become ``?``."""
    return re.sub(r"[^\w -]", "?", text).replace("_", " ")
