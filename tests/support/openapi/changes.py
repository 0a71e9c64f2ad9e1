"""What a new OpenAPI document takes away from clients of an older one.

The last released document is kept beside this module; ``python -m tests.support.openapi.changes`` writes it
anew for a release.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

RELEASED = Path(__file__).with_name("released.json")
REFERENCE = "#/components/schemas/"
WORDS = ("description", "summary", "title", "example", "examples")


def list_breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what a client of the old document can no longer do or read, one line each.

    A request may not need more or allow less, and an answer may not lack a member or have new values of an
    enumeration. New operations, optional members of requests and new members of answers break nothing.
    """
    return sorted(set(_compare_operations(old, new)))


def _compare_operations(old: Schema, new: Schema) -> Iterator[str]:
    for path, item in old["paths"].items():
        for method, before in item.items():
            name = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{name} is gone"
                continue
            if before["operationId"] != after["operationId"]:
                yield f"{name} has another operationId"
            yield from _compare_parameters(before, after, name, old, new)
            yield from _compare_bodies(before, after, name, old, new)
            yield from _compare_answers(before, after, name, old, new)


def _compare_parameters(before: Schema, after: Schema, name: str, old: Schema, new: Schema) -> Iterator[str]:
    old_parameters = {(p["in"], p["name"]): p for p in before.get("parameters", [])}
    new_parameters = {(p["in"], p["name"]): p for p in after.get("parameters", [])}
    for key, parameter in old_parameters.items():
        if key not in new_parameters:
            yield f"{name}: the parameter {key[1]} is gone"
        else:
            yield from _Comparison(old, new, is_request=True).compare(
                parameter["schema"], new_parameters[key]["schema"], f"{name} {key[1]}"
            )
    for key, parameter in new_parameters.items():
        if parameter.get("required") and not old_parameters.get(key, {}).get("required"):
            yield f"{name}: the parameter {key[1]} is required"


def _compare_bodies(before: Schema, after: Schema, name: str, old: Schema, new: Schema) -> Iterator[str]:
    old_contents = before.get("requestBody", {}).get("content", {})
    body = after.get("requestBody", {})
    if body.get("required") and not before.get("requestBody", {}).get("required"):
        yield f"{name}: a body is required"
    yield from _compare_contents(
        old_contents, body.get("content", {}), f"{name} body", old, new, is_request=True
    )


def _compare_answers(before: Schema, after: Schema, name: str, old: Schema, new: Schema) -> Iterator[str]:
    for status, answer in before["responses"].items():
        if status not in after["responses"]:
            yield f"{name}: the answer {status} is gone"
        elif status.startswith("2"):
            now = after["responses"][status].get("content", {})
            yield from _compare_contents(
                answer.get("content", {}), now, f"{name} {status}", old, new, is_request=False
            )


def _compare_contents(
    old_contents: Schema, new_contents: Schema, name: str, old: Schema, new: Schema, *, is_request: bool
) -> Iterator[str]:
    for media_type, content in old_contents.items():
        if media_type not in new_contents:
            yield f"{name}: {media_type} is gone"
        else:
            comparison = _Comparison(old, new, is_request=is_request)
            yield from comparison.compare(
                content.get("schema", {}), new_contents[media_type].get("schema", {}), name
            )


class _Comparison:
    """Compares schemas of one direction; a schema that contains itself is compared once."""

    def __init__(self, old: Schema, new: Schema, *, is_request: bool) -> None:
        self._old, self._new, self._is_request = old, new, is_request
        self._seen = set[tuple[str, str]]()

    def compare(self, before: Schema, after: Schema, name: str) -> Iterator[str]:
        """Yield what the new schema of a value takes away.

        A request may be given more choices than its one schema was, and an answer may keep one of several.
        """
        if self._is_request:
            after = _pick_choice(after, before)
        else:
            before = _pick_choice(before, after)
        key = json.dumps(before, sort_keys=True), json.dumps(after, sort_keys=True)
        if key in self._seen:
            return
        self._seen.add(key)
        before, after = _resolve(before, self._old), _resolve(after, self._new)
        yield from self._compare_values(before, after, name)
        yield from self._compare_members(before, after, name)
        for part in ("items", "additionalProperties"):
            if isinstance(before.get(part), dict) and isinstance(after.get(part), dict):
                yield from self.compare(before[part], after[part], f"{name}[]")
        yield from self._compare_choices(before, after, name)

    def _compare_values(self, before: Schema, after: Schema, name: str) -> Iterator[str]:
        if before.get("type") != after.get("type"):
            yield f"{name}: the type was {before.get('type')} and is {after.get('type')}"
        if "enum" in before and "enum" in after:
            old_values, new_values = set(before["enum"]), set(after["enum"])
            differences = old_values - new_values if self._is_request else new_values - old_values
            remark = "no longer allowed" if self._is_request else "a new value"
            yield from (f"{name}: {value} is {remark}" for value in differences)

    def _compare_members(self, before: Schema, after: Schema, name: str) -> Iterator[str]:
        old_members, new_members = before.get("properties", {}), after.get("properties", {})
        for member in old_members.keys() & new_members.keys():
            yield from self.compare(old_members[member], new_members[member], f"{name}.{member}")
        yield from (f"{name}.{member} is gone" for member in old_members.keys() - new_members.keys())
        old_names, new_names = set(before.get("required", [])), set(after.get("required", []))
        if self._is_request:
            yield from (f"{name}.{member} is required" for member in new_names - old_names)
        else:
            yield from (f"{name}.{member} may be missing" for member in old_names - new_names)

    def _compare_choices(self, before: Schema, after: Schema, name: str) -> Iterator[str]:
        """Compare choices by their names or types; those of a request may grow, of an answer shrink."""
        for kind in ("anyOf", "oneOf"):
            old_choices = {_name_choice(choice): choice for choice in before.get(kind, [])}
            new_choices = {_name_choice(choice): choice for choice in after.get(kind, [])}
            differences = (
                old_choices.keys() - new_choices.keys()
                if self._is_request
                else new_choices.keys() - old_choices.keys()
            )
            remark = "no longer allowed" if self._is_request else "a new choice"
            yield from (f"{name}: {choice} is {remark}" for choice in differences)
            for choice in old_choices.keys() & new_choices.keys():
                yield from self.compare(old_choices[choice], new_choices[choice], name)


def _resolve(schema: Schema, document: Schema) -> Schema:
    if "$ref" in schema:
        target: Schema = document["components"]["schemas"][schema["$ref"].removeprefix(REFERENCE)]
        return target
    return schema


def _pick_choice(union: Schema, schema: Schema) -> Schema:
    """The choice of a union that has the name or type of a schema that is no union; else the union itself."""
    if "anyOf" in schema or "oneOf" in schema:
        return union
    choices = [*union.get("anyOf", []), *union.get("oneOf", [])]
    return next((choice for choice in choices if _name_choice(choice) == _name_choice(schema)), union)


def _name_choice(choice: Schema) -> str:
    return str(choice.get("$ref") or choice.get("const") or choice.get("type"))


def shorten(document: Schema) -> Schema:
    """Return a document without its words and examples, which break nothing."""

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if not _is_word(key, value)}
        return [strip(value) for value in node] if isinstance(node, list) else node

    components = {"schemas": strip(document["components"]["schemas"])}
    return {"paths": strip(document["paths"]), "components": components}


def _is_word(key: str, value: Any) -> bool:
    """Whether a member is a word; a property of this name is a schema."""
    is_schema = isinstance(value, dict) and not {"type", "anyOf", "$ref"}.isdisjoint(value)
    return key in WORDS and not is_schema


if __name__ == "__main__":
    from tests.support.openapi import openapi_document

    RELEASED.write_text(json.dumps(shorten(openapi_document()), separators=(",", ":"), sort_keys=True) + "\n")
