"""Schemas from which clients in any language are generated: named, without unions of anonymous parts.

Generators invent names for anonymous enumerations and alternatives, with numbers where these collide, and
some drop an operation whose body they cannot read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from kan_engine.cost import OPTIMIZERS
from kan_engine.expressions.printing.languages import LANGUAGES
from service.documents.plots import PLOTS, STUDY_PLOTS
from service.operations.models.model_formats import MODEL_FORMATS
from service.schemas.baselines import BaselineName
from service.schemas.job_kinds import JOB_KINDS

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
JOB_REQUEST = "JobRequest"

ENUM_NAMES = {
    frozenset(values.split()): name
    for name, values in {
        "CardFormat": "json markdown",
        "ColumnType": "number integer category boolean datetime text",
        "ConditionKind": "initial boundary periodic",
        "Device": "auto cpu cuda",
        "DecisionRule": "likeliest class_weight f1",
        "DriftTest": "kolmogorov_smirnov chi_square",
        "EvaluationVerdict": "holds worse fails undecided",
        "ExpectedOn": "hold-out validation",
        "ExplanationMethod": "additive shapley",
        "ExplanationScale": "value log-odds logit",
        "ExportFormat": " ".join(MODEL_FORMATS),
        "FormulaFormat": " ".join(["json", *LANGUAGES]),
        "FormulaQuantity": "value log-odds logit density",
        "ImportanceMetric": "rmse log_loss",
        "JobStatus": "queued running succeeded failed cancelled",
        "JobKind": " ".join(JOB_KINDS),
        "Language": "en ru",
        "LevelKind": "value other missing",
        "MeasuredOn": "hold-out training",
        "Member": "accurate compact formula linear rivals",
        "Serve": "auto accurate compact formula linear",
        "MemberChoice": "auto accurate compact formula linear rivals",
        "LinearKind": "constant linear log_linear logistic",
        "ModelPlot": " ".join(PLOTS),
        "Monotonicity": "increasing decreasing",
        "NetworkChoice": "served accurate compact",
        "NetworkMember": "accurate compact",
        "NodeOperation": "sum product",
        "QueueReason": "no_worker earlier_jobs busy",
        "RepeatedRows": "keep drop",
        "ScreeningReason": "single product line required first",
        "SimpleBaseline": " ".join(get_args(BaselineName)),
        "Soundness": "proved sampled violated",
        "SolveOptimizer": "auto gauss_newton",
        "Order": "newest oldest",
        "ModelTask": "regression classification density equation",
        "NamedOrder": "newest oldest name",
        "SplitKind": "random stratified tail column none",
        "StudyPlot": " ".join(STUDY_PLOTS),
        "TableFormat": "parquet csv",
        "Task": "auto regression classification density",
        "Theme": "light dark",
        "TrainOptimizer": " ".join(("auto", *OPTIMIZERS)),
        "UnitMode": "check enforce ignore",
        "UnitStatus": "adds_up does_not_add_up unknown",
        "Verdict": "exact consistent approximation weak",
        "DeliveryStatus": "pending delivered failed",
        "NotificationType": "job.succeeded job.failed job.cancelled",
        "WebhookEvent": "succeeded failed cancelled",
        "WarningCode": "outside_training_range unseen_category unexpected_missing not_finite unsound_formula",
    }.items()
}


def name_schemas(document: Schema) -> None:
    """Name all enumerations and alternatives of a document, in place, and state what other members mean."""
    schemas = document["components"]["schemas"]
    for name in tuple(schemas):
        if "oneOf" in schemas[name] and "properties" in schemas[name]:
            _split_layouts(schemas, name)
    _name_job_request(document, schemas)
    for node in (*_walk(schemas), *_walk(document["paths"]), *_walk(document.get("webhooks", {}))):
        _name_enum(node, schemas)
        _state_additional_members(node)
        if isinstance(node.get("default"), dict):
            del node[
                "default"
            ]  # of an object: generators take only scalars; the schema of its members tells it


def _split_layouts(schemas: Schema, name: str) -> None:
    """Turn a body with exactly one of some members into a union of one schema for each of them."""
    body = schemas[name]
    choices = [choice["required"][0] for choice in body.pop("oneOf")]
    layouts = {}
    for member in choices:
        properties = {
            key: value for key, value in body["properties"].items() if key not in choices or key == member
        }
        properties[member] = _remove_null(properties[member])
        required_members = [*body.get("required", []), member]
        title = name + "".join(part.capitalize() for part in member.removesuffix("_id").split("_"))
        layouts[title] = {**body, "title": title, "properties": properties, "required": required_members}
    schemas |= layouts
    schemas[name] = {
        "title": name,
        "description": body.get("description", ""),
        "anyOf": [{"$ref": REFERENCE + title} for title in layouts],
    }


def _remove_null(schema: Schema) -> Schema:
    """The schema of a member that is present, and not null."""
    choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
    members = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return members | (choices[0] if len(choices) == 1 else {"anyOf": choices})


def _name_job_request(document: Schema, schemas: Schema) -> None:
    """Name the body of a submission. A discriminator would make generators require its ``kind``."""
    content = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
    schemas[JOB_REQUEST] = {
        "title": JOB_REQUEST,
        "description": "A job of any kind. Without `kind` it is a training.",
        "oneOf": content["schema"]["oneOf"],
    }
    content["schema"] = {"$ref": REFERENCE + JOB_REQUEST}


def _walk(node: Any) -> Iterator[Schema]:
    """Yield all objects of a part of a document, except its examples and named enumerations."""
    if isinstance(node, dict):
        yield node
        for key, value in tuple(node.items()):
            if key not in ("example", "examples", "const", "mapping"):
                yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _name_enum(node: Schema, schemas: Schema) -> None:
    """Replace an anonymous enumeration by a reference to a component."""
    name = ENUM_NAMES.get(frozenset(node["enum"])) if isinstance(node.get("enum"), list) else None
    if name is None or node is schemas.get(name):
        return
    schemas.setdefault(name, {"type": "string", "title": name, "enum": node["enum"]})
    for key in ("enum", "type", "title"):
        node.pop(key, None)
    node["$ref"] = REFERENCE + name


def _state_additional_members(node: Schema) -> None:
    """State that objects may have further members where they may: a later version adds some to answers."""
    if node.get("type") == "object" and "properties" in node:
        node.setdefault("additionalProperties", True)
