"""Every text of an error or a warning that the page can show has a Russian translation."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.told_texts import CHECKS_OF_BODIES, list_errors, list_warnings

WARNINGS, OTHERS = (
    json.loads(Path(f"service/web/i18n/{name}.ru.json").read_text(encoding="utf-8"))
    for name in ("warnings", "details")
)
FORMS: dict[str, str] = WARNINGS | OTHERS
GAP = re.compile(r"\{(\w+)\}")
PATTERNS = {form: re.compile("(.*?)".join(map(re.escape, GAP.split(form)[::2])), re.DOTALL) for form in FORMS}
ENGLISH = re.compile(r"(^|[^«\w])[a-z]{2,} [a-z]{2,}")
NO_WARNINGS = {  # read back from a file that the engine wrote, or those of parts of a search
    "load: model_files.read_model(Path(path).read_bytes())[1]",
    "read_model: [str(warning) for warning in described.get('record', {}).get('warnings', [])]",
}


def is_translated(text: str, forms: Mapping[str, str] = FORMS) -> bool:
    """As the page decides it: a form fits, and so do forms or values in its gaps that are in capitals."""
    return any(is_filled(form, found, forms) for form in forms if (found := PATTERNS[form].fullmatch(text)))


def is_filled(form: str, found: re.Match[str], forms: Mapping[str, str]) -> bool:
    parts = dict(zip(GAP.findall(form), found.groups(), strict=True))
    texts = [parts[name.lower()] for name in GAP.findall(forms[form]) if name.isupper()]
    return all(is_translated(text, forms) or is_list(text, forms) for text in texts)


def is_list(text: str, forms: Mapping[str, str]) -> bool:
    return not any(ENGLISH.search(part) for part in text.split(", ") if not is_translated(part, forms))


def test_every_warning_of_a_model_is_found_and_has_russian_words() -> None:
    warnings, unknown = list_warnings(["kan_engine", "worker"])
    assert {*unknown} - NO_WARNINGS == set()
    assert len(warnings) > 40
    assert sorted(text for text in warnings if not is_translated(text, WARNINGS)) == []


def test_a_text_is_translated_once() -> None:
    assert WARNINGS.keys() & OTHERS.keys() == set()


@pytest.mark.parametrize(
    "packages",
    [
        ["kan_engine/differential", "kan_engine/expressions"],
        ["kan_engine/formulas/forms", "kan_engine/expressions"],
        ["service/ingest"],
        ["service/operations/datasets.py"],
        ["service/operations/jobs"],
        ["service/operations/prediction/input_columns.py", "service/operations/prediction/explanation.py"],
        ["service/documents"],
        ["kan_engine/data", "kan_engine/density", "kan_engine/inference", "kan_engine/formulas"],
        ["worker"],
    ],
    ids=" ".join,
)
def test_every_error_that_the_page_can_show_has_russian_words(packages: list[str]) -> None:
    errors = list_errors(packages)
    assert len(errors) > 1
    assert sorted(text for text in errors if not is_translated(text)) == []


def test_every_check_of_a_request_has_russian_words() -> None:
    errors = list_errors(["service/schemas", "service/api/http"], CHECKS_OF_BODIES)
    assert len(errors) > 20
    assert sorted(text for text in errors if not is_translated(text)) == []


def test_every_warning_of_a_table_has_russian_words() -> None:
    warnings, _ = list_warnings(["service/ingest"])
    assert len(warnings) > 20
    assert sorted(text for text in warnings if not is_translated(text)) == []


def test_a_new_warning_is_found(tmp_path: Path) -> None:
    source = """
def describe(count):
    return f"{count} rows are blue"

def measure(rows):
    warnings = []
    warnings.append("all rows are green; " + describe(len(rows)))
    return Record(warnings=[*warnings, "a row is red" if rows else "no row"])
"""
    (tmp_path / "rows.py").write_text(source)
    warnings, unknown = list_warnings([str(tmp_path)])
    assert warnings == {"all rows are green; 7 rows are blue", "a row is red", "no row"}
    assert unknown == []
    assert not any(map(is_translated, warnings))


@pytest.mark.parametrize(("form", "translation"), FORMS.items(), ids=FORMS)
def test_a_translation_has_only_gaps_of_its_form(form: str, translation: str) -> None:
    assert {name.lower() for name in GAP.findall(translation)} <= {*GAP.findall(form)}


def test_no_translation_is_left_in_english() -> None:
    """Names of functions, settings and file formats stay; two English words in a row do not."""
    assert list(english_words()) == []


def english_words() -> Iterator[str]:
    for translation in FORMS.values():
        yield from re.findall(r"\b[a-z]{2,} [a-z]{2,}\b", GAP.sub("7", translation))
