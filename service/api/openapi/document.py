"""Additions to FastAPI's OpenAPI document.

These are bodies that a route parses itself, error responses, and exact types of parameters: a header or query
parameter is a text or absent, and never null.
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from service.api.openapi.examples import add_examples
from service.api.openapi.schemas import name_schemas
from service.schemas.common import Problem
from service.schemas.datasets import DatasetIn
from service.schemas.open_inference import InferRequest

PROBLEM_MEDIA_TYPE = "application/problem+json"
SCHEMA_REFERENCE = "#/components/schemas/{model}"
ROUTE_SCHEMAS: tuple[type[BaseModel], ...] = (DatasetIn, InferRequest, Problem)
NO_NUL = r"^[^\x00]*$"  # in a URL, see ``RequestLimitMiddleware``
NULL_SCHEMA = {"type": "null"}
SERVERS = [
    {"url": "/v1", "description": "Version 1 of the interface, which only grows."},
    {"url": "/", "description": "The newest version."},
]
ONLY_AT_ROOT = ("/v2",)  # the Open Inference Protocol, whose prefix is its own version
REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Your name of the request, which the answer, the log and problems repeat.",
}

Schema = dict[str, Any]


def schema_reference(model: type[BaseModel]) -> Schema:
    """A reference to the model's schema in the components of the document."""
    return {"$ref": SCHEMA_REFERENCE.format(model=model.__name__)}


def describe_problem(description: str, **members: Any) -> Schema:
    """Describe an error response.

    Args:
        members: Further members of the response object, such as ``headers``.
    """
    return {
        "description": description,
        "content": {PROBLEM_MEDIA_TYPE: {"schema": schema_reference(Problem)}},
        **members,
    }


def describe_file(*media_types: str) -> Schema:
    """Describe a response of bytes or text, of one of some media types.

    Some generators leave out an answer that is neither JSON, text nor octets: its route also answers as
    ``downloads.OCTETS`` to clients that ask for it.
    """
    return {"content": {kind: {"schema": _describe_content(kind)} for kind in media_types}}


def _describe_content(media_type: str) -> Schema:
    is_text = media_type.startswith("text/")
    return {"type": "string"} if is_text else {"type": "string", "format": "binary"}


def describe_upload(file: str, fields: dict[str, str], **other_schemas: Schema) -> Schema:
    """Describe the body of a route that takes a multipart form with a file, or other media types.

    Args:
        file: Description of the file.
        fields: Optional text fields of the form: descriptions by name.
        other_schemas: Schemas of the other media types.
    """
    texts = {name: {"type": "string", "description": text} for name, text in fields.items()}
    form = {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": {"type": "string", "format": "binary", "description": file}, **texts},
    }
    content = {"multipart/form-data": form, **other_schemas}
    return {
        "requestBody": {"required": True, "content": {kind: {"schema": s} for kind, s in content.items()}}
    }


RETRY_AFTER_HEADER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
ERROR_RESPONSES: dict[int | str, Schema] = {
    "4XX": describe_problem("The request is refused; `code` says why"),
    503: describe_problem(
        "A dependency of the service is unavailable; try again later", headers=RETRY_AFTER_HEADER
    ),
    "5XX": describe_problem("The service failed; its log has the details under `instance`"),
}
QUOTA_RESPONSES: dict[int | str, Schema] = {
    507: describe_problem("The request would exceed the storage quota")
}


def extend_openapi(app: FastAPI) -> None:
    """Replace ``app.openapi`` by a function that returns the extended document."""
    describe = app.openapi

    def build_document() -> Schema:
        if app.openapi_schema is None:
            document = describe()
            _add_schemas(document)
            for parameter in _list_parameters(document):
                parameter["schema"] = _remove_null(parameter["schema"])
                if parameter["in"] == "query" and parameter["schema"].get("type") == "string":
                    parameter["schema"].setdefault("pattern", NO_NUL)
            name_schemas(document)
            _add_servers(document)
            for item in document["paths"].values():
                if "post" in item:
                    item["post"].setdefault("parameters", []).append(REQUEST_ID)
            add_examples(document, PROBLEM_MEDIA_TYPE)
        return describe()

    app.openapi = build_document  # type: ignore[method-assign]  # FastAPI's way to extend the document


def _add_schemas(document: Schema) -> None:
    schemas = document["components"].setdefault("schemas", {})
    for model in ROUTE_SCHEMAS:
        schema = model.model_json_schema(ref_template=SCHEMA_REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema


def _add_servers(document: Schema) -> None:
    document["servers"] = SERVERS
    for path, item in document["paths"].items():
        for operation in item.values() if path.startswith(ONLY_AT_ROOT) else ():
            operation["servers"] = [{"url": "/"}]


def _list_parameters(document: Schema) -> list[Schema]:
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    return [parameter for operation in operations for parameter in operation.get("parameters", [])]


def _remove_null(schema: Schema) -> Schema:
    if NULL_SCHEMA not in schema.get("anyOf", []):
        return schema
    choices = [choice for choice in schema["anyOf"] if choice != NULL_SCHEMA]
    members = {name: value for name, value in schema.items() if name != "anyOf"}
    return members | (choices[0] if len(choices) == 1 else {"anyOf": choices})
