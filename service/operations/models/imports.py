"""Import models from untrusted files."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import ValidationError

import kan_engine
from kan_engine.errors import KANEngineError
from kan_engine.expressions.printing.languages import LANGUAGES
from service.db.repositories.audit import Audit
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model, new_id
from service.documents.answering_member import Members
from service.documents.portable_model import PortableModel
from service.errors import Invalid, TooLarge
from service.operations.models import export_document
from service.operations.models import formulas as symbolic
from service.operations.prediction.predict import use_one_torch_thread
from service.operations.quotas import refuse_more_bytes
from service.schemas.common import MAX_NAME_LENGTH
from service.schemas.members import make_formula_member, read_formula_member
from service.settings import Settings
from service.storage import blobs

if TYPE_CHECKING:
    from kan_engine import Predictor

ERROR_CODE = "artifact_error"  # of every error in a file
MAX_DEPTH = 100  # of the JSON in the file
MAX_INTEGER = 2**53  # beyond it JSON readers differ
FORMULA_ERRORS = (ArithmeticError, KANEngineError, LookupError, RecursionError, TypeError, ValueError)


def import_model(
    file: BinaryIO, filename: str | None, *, name: str | None, sessions: Sessions, settings: Settings
) -> Model:
    """Import the model in a safetensors file as the next version of a name, by default its own name.

    Raises:
        TooLarge: The file is over the limit.
        ArtifactError: The file does not contain a model.
        Invalid: The description of the model is invalid.
        OutOfSpace: The tenant is over its storage quota.
    """
    data = _read_limited(file, settings.max_artifact_bytes)
    use_one_torch_thread()
    predictor = kan_engine.load(data)
    header = kan_engine.read_header(data)
    _refuse_strange_json(vars(header))
    _refuse_strange_names(predictor)
    document = _read_description(header.metadata, predictor)
    sha256, label = hashlib.sha256(data).hexdigest(), _make_label(filename)
    model = _build_model(predictor, document, kan_engine.read_attached(data))
    source = {"sha256": sha256, "filename": label}
    with sessions.begin() as session:
        row = TrainedModels(session).add(
            name=name or _make_model_name(document.name if document else label or predictor.target),
            job_id=new_id(),
            dataset_id=None,
            task=predictor.task,
            target=predictor.target,
            record=model.record | {"lineage": {"imported": source}},
            symbolic=model.symbolic,
            edges=model.edges,
            artifact_sha256=blobs.put_bytes(session, kan_engine.save(predictor)),
        )
        refuse_more_bytes(session, settings)
        Audit(session).add("model.import", row.id, name=row.name, version=row.version, **source)
        return row


def _read_limited(file: BinaryIO, limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(
            "body_too_large",
            f"the model is over the limit of {limit} bytes; import a smaller one",
            limit=limit,
        )
    return data


def _refuse_strange_json(header: Any) -> None:
    """Refuse values that databases cannot store or JSON readers cannot read."""
    level = [header]
    for _ in range(MAX_DEPTH):
        for value in level:
            _refuse_strange_value(value)
        level = [child for value in level for child in _child_values(value)]
        if not level:
            return
    raise _make_refusal(f"its description is nested deeper than {MAX_DEPTH} levels")


def _child_values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _refuse_strange_value(value: Any) -> None:
    if isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
        raise _make_refusal("a text in its description contains NUL or a lone surrogate")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise _make_refusal(f"an integer in its description is larger than {MAX_INTEGER}")
    if isinstance(value, float) and not math.isfinite(value):
        raise _make_refusal("a number in its description is not finite")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_strange_names(predictor: Predictor) -> None:
    names = [feature.name for feature in predictor.encoding.features]
    if predictor.target in names or not all([predictor.target, *names]):
        raise _make_refusal("its target and its features need distinct names that are not empty")


def _read_description(metadata: dict[str, Any], predictor: Predictor) -> PortableModel | None:
    """The description of the model in the metadata; None if there is none."""
    if export_document.METADATA_KEY not in metadata:
        return None
    with _refuse_invalid():
        document = PortableModel.model_validate(metadata[export_document.METADATA_KEY])
    outputs, count = document.record.outputs, predictor.network.config.width[-1]
    if len(set(outputs)) != count or len(outputs) != count:
        raise _make_refusal(f"its network has {count} outputs, but its description names {outputs[:10]}")
    return document


@contextmanager
def _refuse_invalid(prefix: str = "") -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = prefix + ".".join(map(str, fault["loc"]))
        raise _make_refusal(f"its description is wrong at {place!r}: {fault['msg']}") from None


@dataclass(frozen=True)
class _ImportedDocuments:
    """The JSON documents of a model's row in the database."""

    record: export_document.Document
    symbolic: export_document.Document | None
    edges: export_document.Document


def _build_model(
    predictor: Predictor, document: PortableModel | None, arrays: export_document.AttachedArrays
) -> _ImportedDocuments:
    record = export_document.build_record(predictor, document)
    with _refuse_invalid("symbolic."):
        formulas = export_document.build_symbolic(
            predictor, document.symbolic if document else None, record["outputs"]
        )
    networks = {
        **export_document.build_compact_member(predictor, document),
        **export_document.build_linear_member(predictor, document),
    }
    record["members"] = {name: member.model_dump() for name, member in networks.items()}
    if formulas is not None:
        entry = document.record.members.get("formula") if document else None
        member = (
            make_formula_member(formulas, entry.metrics, entry.fidelity)
            if entry
            else read_formula_member(formulas)
        )
        record["members"] |= {"formula": member.model_dump()}
        _refuse_unprintable_formulas(formulas, record)
        _refuse_unusable_formulas(formulas, predictor)
    outputs = record["outputs"]
    edges = export_document.build_edges(predictor, document.edges if document else None, arrays, outputs)
    if predictor.compact_predictor is not None:
        edges["compact"] = export_document.build_edges(
            predictor.compact_predictor,
            document.compact_edges if document else None,
            arrays,
            outputs,
            export_document.COMPACT_CURVES,
        )
    return _ImportedDocuments(record, formulas, edges)


def _refuse_unprintable_formulas(formulas: dict[str, Any], record: dict[str, Any]) -> None:
    """Print the formulas in every language now: a crafted file must not fail later."""
    try:
        complete = [output.to_printable() for output in symbolic.complete_outputs(formulas, record)]
        for language in LANGUAGES.values():
            language.write(complete)
    except FORMULA_ERRORS as error:
        raise _make_refusal(f"a formula cannot be printed: {error}") from error


def _refuse_unusable_formulas(formulas: dict[str, Any], predictor: Predictor) -> None:
    """Load the formulas now, since they predict as the network does."""
    try:
        Members.build(predictor, formulas)
    except FORMULA_ERRORS as error:
        raise _make_refusal(f"a formula cannot predict: {error}") from error


def _make_label(filename: str | None) -> str | None:
    """The name of a file without its path, as a label."""
    base = (filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(filter(str.isprintable, base)).strip()[:MAX_NAME_LENGTH] or None


def _make_model_name(text: str) -> str:
    """A text as a valid name of a model."""
    stem = text.removesuffix(PurePath(text).suffix) if text.endswith(".safetensors") else text
    return re.sub(r"[@/\x00-\x1f]+", "-", stem).strip()[:MAX_NAME_LENGTH].strip() or "model"


def _make_refusal(reason: str) -> Invalid:
    detail = f"the file does not contain a valid model: {reason}"
    return Invalid.make_at(ERROR_CODE, detail, {})
