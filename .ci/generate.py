"""Source that follows from the schema of a training: ``make generate``; ``--check`` names what is stale.

The options of commands, the fields of the form on the page, and their words in both languages.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from service.documents.request_fields import (
    AUTOMATIC,
    FieldWords,
    RequestField,
    list_fields,
    print_default,
    read_words,
)

ROOT = Path(__file__).parents[1]
ORIGIN = "Written by `make generate` from the schema of a training."
LANGUAGES = ("en", "ru")
HEAD = f'''"""Options for the fields of a training. {ORIGIN.replace("`", "``")}"""

from typing import Annotated, Any, Literal, NamedTuple

import typer


class FieldOption(NamedTuple):
    """An option of commands for a field.

    Attributes:
        annotation: Its type, with its help.
        path: Of the field in the request.
        kind: How the option is written; see ``RequestField``.
    """

    annotation: Any
    path: str
    kind: str

'''
LARGEST_SHOWN = 1e6  # end of a range that means more than "finite"
FORMS = {  # how an option is written, by kind
    "list": "Separated by commas.",
    "words": "Separated by commas.",
    "columns": "Separated by commas.",
    "values": "Separated by commas.",
    "constants": "Bounds b=0..10, b=0.. or b=..10, or a value g=9.81; repeat for several.",
    "monotone": "As dose=increasing; repeat for several.",
    "bounds": "As 0:100, 0: or :100.",
    "class weights": "'balanced', or costs as late=5,early=1.",
    "baselines": "linear, mlp and boosting, separated by commas, or 'none'. mlp:29x29 is an MLP of that "
    "shape, mlp:987 one with about 987 parameters, mlp:matched one as large as the network.",
}
TYPES = {
    "switch": "bool",
    "whole number": "int | None",
    "number": "float | None",
    "columns": "list[str] | None",
    "constants": "list[str] | None",
    "monotone": "list[str] | None",
}
PAGE_KINDS = {"whole number": "number", "class weights": "class_weight", "columns": "words"}


def render_options(fields: Sequence[RequestField]) -> str:
    """The module of the options."""
    aliases = [f"{_name_alias(field)} = {_annotate(field)}" for field in fields]
    entries = [
        f'    "{_name_option(field)}": FieldOption({_name_alias(field)}, "{field.key}", "{field.kind}"),'
        for field in fields
    ]
    source = HEAD + "\n".join([*aliases, "OPTIONS = {", *entries, "}", '"""By their names."""'])
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "options.py", "-"]
    ruff = subprocess.run(command, input=source, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603  # our own
    return ruff.stdout


def render_form(fields: Sequence[RequestField]) -> str:
    """The module of the fields of the page, by groups."""
    lines = [f"// Fields of a training by groups. {ORIGIN}", "", "export const FIELD_GROUPS = ["]
    for group in ("task", "knowledge", "network", "training", "split", "result"):
        entries = [f"    {_describe(field)}," for field in fields if field.setting.group == group]
        lines += [f'  {{ name: "{group}", fields: [', *entries, "  ] },"]
    return "\n".join([*lines, "];", ""])


def render_words(words: dict[str, FieldWords], fields: Sequence[RequestField]) -> str:
    """Labels and hints of the fields of the page."""
    entries = dict[str, str]()
    for field in fields:
        if field.setting.group:
            entries[f"set.{field.name}"] = words[field.key].title
            entries[f"set.{field.name}.hint"] = words[field.key].help.replace("`", "")
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"


def _name_option(field: RequestField) -> str:
    return field.setting.flag or field.name


def _name_alias(field: RequestField) -> str:
    return "".join(word.capitalize() for word in _name_option(field).split("_"))


def _annotate(field: RequestField) -> str:
    option = f'"--{field.setting.flag.replace("_", "-")}", ' if field.setting.flag else ""
    if field.kind in ("whole number", "number"):
        option += "".join(
            f"{name}={int(end)}, "
            for name, end in (("min", field.low), ("max", field.high))
            if end is not None and abs(end) < LARGEST_SHOWN and end == int(end)
        )
    text = json.dumps(_explain(field), ensure_ascii=False)
    end = "" if field.kind == "switch" else ", show_default=False"
    return f"Annotated[{_name_type(field)}, typer.Option({option}help={text}{end})]"


def _name_type(field: RequestField) -> str:
    if field.kind == "choice":
        return f"Literal[{', '.join(map(json.dumps, field.choices))}] | None"
    return TYPES.get(field.kind, "str | None")


def _explain(field: RequestField) -> str:
    words = field.words
    if field.setting.flag:
        return f"Do not {words.title[0].lower()}{words.title[1:]}."
    text = f"{words.title}. {words.help} {FORMS.get(field.kind, '')}".replace("`", "").strip()
    text += " 'none' is an empty list." if field.kind == "list" and not field.low else ""
    has_default = field.default not in (None, AUTOMATIC)
    return f"{text} [default: {print_default(field.default)}]" if has_default else text


def _describe(field: RequestField) -> str:
    members = {
        "name": field.name,
        "kind": PAGE_KINDS.get(field.kind, field.kind),
        "path": list(field.path),
        "options": list(field.choices) if field.kind == "choice" else None,
        "example": field.setting.example,
    }
    written = [
        f"{name}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in members.items()
        if value is not None
    ]
    return f"{{ {', '.join(written)} }}"


def main() -> int:
    """The exit code: 1 if a file is stale."""
    fields = list(list_fields())
    sources = {
        "service/cli/field_options.py": render_options(fields),
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
