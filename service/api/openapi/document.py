"""Additions to FastAPI's OpenAPI document.

These are bodies that a route parses itself, error responses, and exact types of parameters: a header or query
parameter is a text or absent, and never null.
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from service.api.openapi.examples import add_examples
from service.schemas.common import Problem
from service.schemas.datasets import DatasetIn
from service.schemas.open_inference import InferRequest

PROBLEM = "application/problem+json"
SCHEMAS = "#/components/schemas/{model}"
READ_BY_ROUTES: tuple[type[BaseModel], ...] = (DatasetIn, InferRequest, Problem)
NULL = {"type": "null"}

Schema = dict[str, Any]


def reference(model: type[BaseModel]) -> Schema:
    """A reference to the model's schema in the components of the document."""
    return {"$ref": SCHEMAS.format(model=model.__name__)}


def problems(description: str, **more: Any) -> Schema:
    """Describe an error response.

    Args:
        more: Further members of the response object, such as ``headers``.
    """
    return {"description": description, "content": {PROBLEM: {"schema": reference(Problem)}}, **more}


def file(media_type: str) -> Schema:
    """Describe a response of bytes or text."""
    return {"content": {media_type: {"schema": {"type": "string"}}}}


def upload(file: str, fields: dict[str, str], **others: Schema) -> Schema:
    """Describe the body of a route that takes a multipart form with a file, or other media types.

    Args:
        file: Description of the file.
        fields: Optional text fields of the form: descriptions by name.
        others: Schemas of the other media types.
    """
    texts = {name: {"type": "string", "description": told} for name, told in fields.items()}
    form = {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": {"type": "string", "format": "binary", "description": file}, **texts},
    }
    content = {"multipart/form-data": form, **others}
    return {
        "requestBody": {"required": True, "content": {kind: {"schema": s} for kind, s in content.items()}}
    }


RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
RESPONSES: dict[int | str, Schema] = {
    "4XX": problems("The request is refused; `code` says why"),
    503: problems("A dependency of the service is unavailable; try again later", headers=RETRY_AFTER),
    "5XX": problems("The service failed; its log has the details under `instance`"),
}
NO_SPACE: dict[int | str, Schema] = {507: problems("The request would exceed the storage quota")}


def complete(app: FastAPI) -> None:
    """Replace ``app.openapi`` by a function that returns the extended document."""
    describe = app.openapi

    def described() -> Schema:
        if app.openapi_schema is None:
            document = describe()
            _add_schemas(document)
            for parameter in _parameters(document):
                parameter["schema"] = _without_null(parameter["schema"])
            add_examples(document, PROBLEM)
        return describe()

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's way to extend the document


def _add_schemas(document: Schema) -> None:
    schemas = document["components"].setdefault("schemas", {})
    for model in READ_BY_ROUTES:
        schema = model.model_json_schema(ref_template=SCHEMAS)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema


def _parameters(document: Schema) -> list[Schema]:
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    return [parameter for operation in operations for parameter in operation.get("parameters", [])]


def _without_null(schema: Schema) -> Schema:
    if NULL not in schema.get("anyOf", []):
        return schema
    kept = [choice for choice in schema["anyOf"] if choice != NULL]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return rest | (kept[0] if len(kept) == 1 else {"anyOf": kept})
