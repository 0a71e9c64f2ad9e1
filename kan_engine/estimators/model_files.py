"""Files of a model: the artifact that the service exports and imports, ONNX, Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.errors import InvalidConfig
from kan_engine.export.onnx.export import to_onnx
from kan_engine.export.python.export import to_python
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.inference.artifact import load, read_metadata, save
from kan_engine.inference.predictor import Predictor
from kan_engine.search.assembly import Model, combine

DESCRIPTION_KEY = "model"  # of the description in the metadata of an artifact, also for the service


def write_model(model: Model, warnings: Sequence[str]) -> bytes:
    """The artifact of a model, with its formulas and warnings as the service describes them."""
    predictor, report = model.predictor, model.report
    description: dict[str, Any] = {
        "name": predictor.target,
        "record": {"outputs": predictor.output_names, "warnings": list(warnings)},
        "symbolic": None if report is None else report.to_dict(_print_names(predictor)),
    }
    return save(predictor, {DESCRIPTION_KEY: description})


def read_model(data: bytes) -> tuple[Model, list[str]]:
    """The model in an artifact, and its warnings.

    Raises:
        ArtifactError: The bytes are not a saved model.
    """
    predictor = load(data)
    description = read_metadata(data).get(DESCRIPTION_KEY) or {}
    warnings = [str(warning) for warning in description.get("record", {}).get("warnings", [])]
    symbolic = description.get("symbolic")
    report = None if symbolic is None else FormulaReport.from_dict(symbolic, _print_names(predictor))
    return combine(predictor, report), warnings


def export_model(model: Model, kind: Literal["onnx", "python"]) -> bytes:
    """The network of a model as an ONNX graph, or its network and formulas as a Python file.

    Raises:
        InvalidConfig: There is no such format.
        NotExportable: The format cannot express the model.
    """
    if kind == "onnx":
        return to_onnx(model.predictor)
    if kind == "python":
        trees = [] if model.report is None else model.report.trees
        return to_python(model.predictor, title=model.predictor.target, trees=trees).encode()
    raise InvalidConfig(f"a model is exported as onnx or python, not as {kind!r}")


def _print_names(predictor: Predictor) -> dict[str, str]:
    return dict(safe_names([column.name for column in predictor.encoding.names]))
