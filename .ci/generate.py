"""Source that follows from the schemas of requests: ``make generate``; ``--check`` names what is stale.

The options of commands, the fields of the form on the page, and their words in both languages.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from service.cli.fields.kinds import KINDS
from service.documents.request_fields import (
    AUTOMATIC,
    REQUESTS,
    FieldWords,
    RequestField,
    list_fields,
    print_default,
    read_words,
)

ROOT = Path(__file__).parents[1]
LANGUAGES = ("en", "ru")
GROUPS = ("task", "knowledge", "network", "training", "split", "result", "study")
LARGEST_SHOWN = 1e6  # end of a range that means more than "finite"
PAGE_KINDS = {"whole number": "number", "class weights": "class_weight", "columns": "words"}


def render_options(requests: Mapping[str, type[BaseModel]]) -> str:
    """The options of commands by request; those of inherited fields are with the request that has them."""
    blocks = []
    for request, schema in requests.items():
        fields = [field for field in list_fields(schema) if field.path[0] in schema.__annotations__]
        entries = [f'    "{_name_option(field)}": {_dump(_describe_option(field))}' for field in fields]
        blocks.append(f'  "{request}": {{\n' + ",\n".join(entries) + "\n  }")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def render_form(fields: Sequence[RequestField]) -> str:
    """The module of the fields of the page, by groups."""
    head = "// Fields of a training and of a study by groups. Written by `make generate` from their schema."
    lines = [head, "", "export const FIELD_GROUPS = ["]
    for group in GROUPS:
        entries = [f"    {_describe(field)}," for field in fields if field.setting.group == group]
        lines += [f'  {{ name: "{group}", fields: [', *entries, "  ] },"]
    return "\n".join([*lines, "];", ""])


def render_words(words: dict[str, FieldWords], fields: Sequence[RequestField]) -> str:
    """Labels and hints of the fields of the page."""
    entries = dict[str, str]()
    for field in fields:
        entries[f"set.{field.name}"] = words[field.key].title
        entries[f"set.{field.name}.hint"] = words[field.key].help.replace("`", "")
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"


def _name_option(field: RequestField) -> str:
    return field.setting.flag or field.name


def _describe_option(field: RequestField) -> dict[str, Any]:
    is_number, is_switch = field.kind in ("whole number", "number"), field.kind == "switch"
    ends = {"min": field.low, "max": field.high} if is_number else {}
    return {
        "path": field.key,
        "kind": field.kind,
        "help": _explain(field),
        **({"choices": field.choices} if field.choices else {}),
        **{name: int(end) for name, end in ends.items() if _is_shown(end)},
        **({"value": not field.default} if is_switch else {}),
    }


def _is_shown(end: float | None) -> bool:
    return end is not None and abs(end) < LARGEST_SHOWN and end == int(end)


def _explain(field: RequestField) -> str:
    words = field.words
    if field.setting.flag:
        return f"Do not {words.title[0].lower()}{words.title[1:]}."
    text = f"{words.title}. {words.help} {KINDS[field.kind].words}".replace("`", "").strip()
    text += " 'none' is an empty list." if field.kind == "list" and not field.low else ""
    has_default = field.kind != "switch" and field.default not in (None, AUTOMATIC)
    return f"{text} [default: {print_default(field.default)}]" if has_default else text


def _describe(field: RequestField) -> str:
    members = {
        "name": field.name,
        "kind": PAGE_KINDS.get(field.kind, field.kind),
        "path": list(field.path),
        "options": list(field.choices) if field.kind == "choice" else None,
        "example": field.setting.example,
        "isOff": True if field.kind == "switch" and not field.default else None,
    }
    written = [f"{name}: {_dump(value)}" for name, value in members.items() if value is not None]
    return f"{{ {', '.join(written)} }}"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    """The exit code: 1 if a file is stale."""
    fields = [field for field in list_fields(REQUESTS["study"]) if field.setting.group]
    sources = {
        "service/cli/fields/options.json": render_options(REQUESTS),
        "service/web/js/settings/field_groups.js": render_form(fields),
    }
    for language in LANGUAGES:
        words = read_words(language, fields)
        sources[f"service/web/i18n/fields.{language}.json"] = render_words(words, fields)
    stale = [name for name, source in sources.items() if not _is_current(ROOT / name, source)]
    if "--check" in sys.argv:
        sys.stderr.write("".join(f"{name} is stale; run `make generate`\n" for name in stale))
        return int(bool(stale))
    for name in stale:
        (ROOT / name).write_text(sources[name], encoding="utf-8")
    return 0


def _is_current(path: Path, source: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == source


if __name__ == "__main__":
    sys.exit(main())
