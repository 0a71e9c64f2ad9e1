"""Examples in the OpenAPI document: requests, responses and errors of a real service (``examples.json``).

``tests/tour`` calls every operation and records the examples; a test repeats the calls and compares.
"""

import json
from importlib.resources import files
from typing import Any

from service.error_codes import list_error_groups

Document = dict[str, Any]

COMMON_CODES = ("host_not_allowed", "database_unavailable", "internal_error")
AUTH_CODES = ("key_required", "invalid_key", "scope_missing", "rate_limited")


def add_examples(document: Document, problem: str) -> None:
    """Add the recorded examples to every operation of the document, in place.

    Args:
        document: The OpenAPI document.
        problem: Media type of error responses.
    """
    examples = json.loads(files("service.api.openapi").joinpath("examples.json").read_text(encoding="utf-8"))
    document["components"]["examples"] = _describe_problems(examples["problems"])
    for item in document["paths"].values():
        for operation in item.values():
            entry = examples["operations"].get(operation["operationId"])
            if entry is not None:
                _add_bodies(operation, entry["bodies"])
                _add_answers(operation, entry["answers"])
                _add_problems(
                    operation, _list_codes(operation, entry["codes"]), examples["problems"], problem
                )


def _describe_problems(problems: Document) -> Document:
    meanings = {code.name: code.meaning for codes in list_error_groups().values() for code in codes}
    return {code: {"summary": meanings[code], "value": example} for code, example in problems.items()}


def _add_bodies(operation: Document, bodies: Document) -> None:
    for media_type, examples in bodies.items():
        content = operation["requestBody"]["content"][media_type]
        content["examples"] = {title: {"value": value} for title, value in examples.items()}


def _add_answers(operation: Document, answers: Document) -> None:
    for status, by_media_type in answers.items():
        for media_type, content in operation["responses"][status]["content"].items():
            plain = media_type.partition(";")[0]
            if plain in by_media_type:
                content["example"] = by_media_type[plain]


def _list_codes(operation: Document, codes: list[str]) -> list[str]:
    return [*codes, *(AUTH_CODES if operation.get("security") else ()), *COMMON_CODES]


def _add_problems(operation: Document, codes: list[str], problems: Document, media_type: str) -> None:
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get(media_type)
        if content is not None:
            fitting = [
                code
                for code in dict.fromkeys(codes)
                if _documents_status(problems[code]["status"], status, operation)
            ]
            content["examples"] = {code: {"$ref": f"#/components/examples/{code}"} for code in fitting}


def _documents_status(status: int, key: str, operation: Document) -> bool:
    """Whether a response key documents a status: the status itself if present, else ``4XX`` or ``5XX``."""
    return key == (str(status) if str(status) in operation["responses"] else f"{status // 100}XX")
