"""Convert a stored model to the metadata of its artifact, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from kan_engine import complexity, from_json, safe_names, to_json, to_text, variables
from kan_engine.errors import ArtifactError
from kan_engine.expressions.evaluation import Number, Parameter, walk
from service.db.tables import Model
from service.documents.model_summary import describe_features, describe_formula, describe_network
from service.schemas.export_document import (
    PortableEdge,
    PortableFormula,
    PortableModel,
    PortableRecord,
    PortableSymbolic,
)

if TYPE_CHECKING:
    from kan_engine import Encoding, Expression, Predictor

Document = dict[str, Any]
AttachedArrays = Mapping[str, np.ndarray]

METADATA_KEY = "model"  # of the description in the metadata of an artifact
CURVES_X, CURVES_Y = "edges.x", "edges.y"  # the concatenated curves of all edges
MAX_NODES = 5_000  # of a formula


def describe_model(model: Model) -> tuple[Document, AttachedArrays]:
    """Metadata and attached arrays for the artifact of a model."""
    edges = model.edges.get("edges")
    curves = {CURVES_X: [edge["x"] for edge in edges or ()], CURVES_Y: [edge["y"] for edge in edges or ()]}
    told = {
        "name": model.name,
        "record": {key: value for key, value in model.record.items() if key != "lineage"},
        "symbolic": model.symbolic,
        "edges": edges and [_drop_curve(edge) for edge in edges],
    }
    return {METADATA_KEY: told}, {
        name: _concatenate(parts) for name, parts in curves.items()
    } if edges else {}


def _drop_curve(edge: Document) -> Document:
    return {key: value for key, value in edge.items() if key not in "xy"} | {"points": len(edge["x"])}


def _concatenate(parts: list[list[float | None]]) -> np.ndarray:
    """The concatenated lists, with NaN for None."""
    return np.array([math.nan if value is None else value for value in chain(*parts)], dtype=np.float64)


def build_record(predictor: Predictor, told: PortableModel | None) -> Document:
    """The record of a model, from its network and from the imported description."""
    record = told.record if told else PortableRecord(outputs=predictor.output_names)
    carried = record.model_dump(exclude={"network", "decision", "members"})
    shape = describe_network(predictor.network, predictor.inputs, predictor.outputs, record.network.optimizer)
    return carried | {
        "decision": record.decision and record.decision.model_dump(exclude_unset=True),
        "threshold": predictor.threshold,
        "features": [asdict(feature) for feature in describe_features(predictor.encoding)],
        "classes": None if predictor.classes is None else list(predictor.classes),
        "network": asdict(shape),
    }


def build_symbolic(
    predictor: Predictor, told: PortableSymbolic | None, outputs: list[str]
) -> Document | None:
    """The imported formulas, printed again from their trees.

    Raises:
        ArtifactError: A tree is not a formula of the model's columns, or formulas do not match the outputs.
    """
    if told is None:
        return None
    if [formula.name for formula in told.outputs] != outputs:
        raise ArtifactError(f"its formulas do not match the outputs {outputs}")
    quantity = _quantity(predictor, len(outputs))
    formulas = [
        _print_formula(formula, predictor.encoding) | {"quantity": quantity} for formula in told.outputs
    ]
    kept = {"exact", "verdict", "evidence", "serves_within", "measured_on"}
    return told.model_dump(include=kept, exclude_none=True) | {"outputs": formulas}


def _quantity(predictor: Predictor, outputs: int) -> str:
    """The quantity that the formulas compute."""
    if predictor.classes is None:
        return "value" if predictor.support is None else "density"
    return "log-odds" if outputs == 1 else "logit"


def _print_formula(told: PortableFormula, encoding: Encoding) -> Document:
    names = safe_names([column.name for column in encoding.names])
    tree = _read_tree(told.tree, names)
    known = {feature.name: [feature.min or 0.0, feature.max or 0.0] for feature in encoding.features}
    used = variables(tree)
    return {
        "name": told.name,
        **asdict(describe_formula(tree, names, encoding)),
        "complexity": complexity(tree),
        "r2": told.r2,
        "rmse": told.rmse,
        "max_error": told.max_error,
        "domain": {names[v]: told.domain.get(names[v], known.get(v, [0.0, 1.0])) for v in used},
        "pareto": [
            {"expression": to_text(other, names), "tree": to_json(other), "complexity": complexity(other)}
            | {"rmse": entry.rmse, "r2": entry.r2}
            for entry in told.pareto
            for other in [_read_tree(entry.tree, names)]
        ],
        "tree": to_json(tree),
        **told.model_dump(include={"constants", "law", "mean_log_likelihood"}, exclude_none=True),
    }


def _read_tree(data: Document, names: Mapping[str, str]) -> Expression:
    tree = from_json(data)
    for count, node in enumerate(walk(tree)):
        if count > MAX_NODES:
            raise ArtifactError(f"a formula has over {MAX_NODES} nodes")
        is_number = not isinstance(node, Number) or math.isfinite(node.value)
        if isinstance(node, Parameter) or not is_number:
            raise ArtifactError("a formula contains a constant that is not a finite number")
    unknown = [name for name in variables(tree) if name not in names]
    if unknown:
        raise ArtifactError(f"a formula contains {unknown[0]!r}, which is not a feature of the model")
    return tree


def build_edges(
    predictor: Predictor, told: list[PortableEdge] | None, attached: AttachedArrays, outputs: list[str]
) -> Document:
    """Every edge with its curve: imported, or computed from the network over the range of its inputs.

    Raises:
        ArtifactError: The network has no such edge, or the curves do not match the edges.
    """
    from kan_engine import probe_columns  # noqa: PLC0415  # as below
    from kan_engine.drawing.network_curves import describe_edges, describe_nodes  # noqa: PLC0415  # imports torch

    network, encoding = predictor.network, predictor.encoding
    scaler = predictor.outputs
    if told is None:
        rows = encoding.transform(probe_columns(encoding))
        return describe_edges(
            network, predictor.inputs, encoding, rows, outputs, lambda: True, scaler=scaler
        ).to_dict()
    edges = list(_match_edges(predictor, told, attached))
    scores = {
        (edge["layer"], edge["in"], edge["to_layer"], edge["out"]): edge["score"] or 0.0 for edge in edges
    }
    nodes = describe_nodes(network, predictor.inputs, encoding, outputs, scores, scaler=scaler)
    return nodes.to_dict() | {"edges": edges}


def _match_edges(
    predictor: Predictor, told: list[PortableEdge], attached: AttachedArrays
) -> Iterator[Document]:
    network, start = predictor.network, 0
    depth = len(network.stack)
    places = {
        (number if number < depth else 0, i, number + 1 if number < depth else depth, j)
        for number, layer in enumerate(network.all_layers)
        for i, j in layer.mask.nonzero().tolist()
    }
    x, y = (attached.get(name, np.zeros(0)) for name in (CURVES_X, CURVES_Y))
    if not len(x) == len(y) == sum(edge.points for edge in told):
        raise ArtifactError("its curves do not match its edges")
    for edge in told:
        if (edge.layer, edge.source, edge.to_layer, edge.out) not in places:
            raise ArtifactError(f"it has no edge from {edge.source} to {edge.out} of layer {edge.layer}")
        part = slice(start, start + edge.points)
        start += edge.points
        curve = {"x": _to_list(x[part]), "y": _to_list(y[part])}
        yield edge.model_dump(by_alias=True, exclude={"points"}) | curve


def _to_list(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
