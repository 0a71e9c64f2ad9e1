"""Convert a stored model to the metadata of its artifact, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from kan_engine import complexity, from_json, safe_names, to_json, to_text, variables
from kan_engine.errors import ArtifactError
from kan_engine.expressions.evaluation import Number, Parameter, count_nodes, walk
from service.db.earlier_documents import upgrade_symbolic
from service.db.tables import Model
from service.documents.model_summary import describe_features, describe_formula, describe_network
from service.documents.portable_model import (
    ENTRY_FIELDS,
    FORMULA_FIELDS,
    SYMBOLIC_FIELDS,
    PortableCompact,
    PortableEdge,
    PortableEntry,
    PortableFormula,
    PortableMember,
    PortableModel,
    PortableRecord,
    PortableSymbolic,
)
from service.schemas.formulas import SymbolicDocument
from service.schemas.members import CompactMemberOut, CompactStepOut, LinearMemberOut

if TYPE_CHECKING:
    from jaxtyping import Float, Num, Shaped

    from kan_engine import Encoding, Expression, Predictor

Document = dict[str, Any]
AttachedArrays = Mapping[str, np.ndarray]

METADATA_KEY = "model"  # of the description in the metadata of an artifact
# Attached arrays: the concatenated curves of all edges, of the accurate and of the compact network
CURVES = "edges.x", "edges.y"
COMPACT_CURVES = "compact_edges.x", "compact_edges.y"
MAX_NODES, MAX_ENTRIES = 5_000, 1_000  # of a formula, and of each of its lists


def describe_model(model: Model) -> tuple[Document, AttachedArrays]:
    """Metadata and attached arrays for the artifact of a model.

    The networks beside the accurate one have entries of their own: older programs would refuse them among the
    members of the record.
    """
    edges, compact_edges = model.edges.get("edges"), (model.edges.get("compact") or {}).get("edges")
    members: Document = model.record.get("members") or {}
    other_members = {name: member for name, member in members.items() if name not in ("compact", "linear")}
    record = {key: value for key, value in model.record.items() if key not in ("lineage", "members")}
    document = {
        "name": model.name,
        "record": record | {"members": other_members},
        "symbolic": model.symbolic,
        "edges": edges and [_drop_curve(edge) for edge in edges],
    }
    if "linear" in members:
        document["linear"] = members["linear"]
    if "compact" in members:
        document["compact"] = members["compact"]
        document["compact_edges"] = compact_edges and [_drop_curve(edge) for edge in compact_edges]
    arrays = _attach_curves(edges, CURVES) | _attach_curves(compact_edges, COMPACT_CURVES)
    return {METADATA_KEY: document}, arrays


def _attach_curves(
    edges: list[Document] | None, names: tuple[str, str]
) -> dict[str, Float[np.ndarray, " points"]]:
    if not edges:
        return {}
    return {name: _concatenate([edge[key] for edge in edges]) for name, key in zip(names, "xy", strict=True)}


def _drop_curve(edge: Document) -> Document:
    return {key: value for key, value in edge.items() if key not in "xy"} | {"points": len(edge["x"])}


def _concatenate(parts: list[list[float | None]]) -> Float[np.ndarray, " points"]:
    """The concatenated lists, with NaN for None."""
    return np.array([math.nan if value is None else value for value in chain(*parts)], dtype=np.float64)


def build_record(predictor: Predictor, document: PortableModel | None) -> Document:
    """The record of a model, from its network and from the imported description."""
    record = document.record if document else PortableRecord(outputs=predictor.output_names)
    fields = record.model_dump(exclude={"network", "decision", "members"})
    network = record.network
    shape = describe_network(
        predictor.network, predictor.inputs, predictor.outputs, network.optimizer, network.device
    )
    return fields | {
        "decision": record.decision and record.decision.model_dump(exclude_unset=True),
        "threshold": predictor.threshold,
        "features": [feature.to_json() for feature in describe_features(predictor.encoding)],
        "classes": None if predictor.classes is None else list(predictor.classes),
        "network": shape.to_json(),
    }


def build_symbolic(
    predictor: Predictor, symbolic: PortableSymbolic | None, outputs: list[str]
) -> Document | None:
    """The imported formulas, printed again from their trees.

    Raises:
        ArtifactError: A tree is not a formula of the model's columns, or formulas do not match the outputs.
        ValidationError: A field is not as the schema describes it.
    """
    if symbolic is None:
        return None
    if [formula.name for formula in symbolic.outputs] != outputs:
        raise ArtifactError(f"its formulas do not match the outputs {outputs}")
    quantity = _quantity(predictor, len(outputs))
    formulas = [
        _print_formula(formula, predictor.encoding) | {"quantity": quantity} for formula in symbolic.outputs
    ]
    facts = upgrade_symbolic(_select(symbolic, SYMBOLIC_FIELDS))
    return SymbolicDocument.model_validate(facts | {"outputs": formulas}).to_json()


def _quantity(predictor: Predictor, outputs: int) -> str:
    """The quantity that the formulas compute."""
    if predictor.classes is None:
        return "value" if predictor.support is None else "density"
    return "log-odds" if outputs == 1 else "logit"


def _print_formula(formula: PortableFormula, encoding: Encoding) -> Document:
    names = safe_names([column.name for column in encoding.names])
    tree = _read_tree(formula.tree, names)
    # For variables whose domain is not described: their range in training
    ranges = {feature.name: [feature.min or 0.0, feature.max or 0.0] for feature in encoding.features}
    facts = _select(formula, FORMULA_FIELDS)
    lists = {"pareto": formula.pareto} | ({"rivals": formula.rivals} if "probability" in facts else {})
    return {
        **{"max_error": None, "exact_units": [], "undetermined": []},
        **_describe_tree(tree),
        **facts,
        **asdict(describe_formula(tree, names, encoding)),
        "name": formula.name,
        "domain": {
            names[v]: formula.domain.get(names[v], ranges.get(v, [0.0, 1.0])) for v in variables(tree)
        },
        **{name: [_print_entry(entry, names) for entry in entries] for name, entries in lists.items()},
    }


def _print_entry(entry: PortableEntry, names: Mapping[str, str]) -> Document:
    tree = _read_tree(entry.tree, names)
    return _describe_tree(tree) | _select(entry, ENTRY_FIELDS) | {"expression": to_text(tree, names)}


def _select(document: BaseModel, names: Sequence[str]) -> Document:
    """These fields of a file, except those that are null."""
    fields = document.model_extra or {}
    facts = {name: fields[name] for name in names if fields.get(name) is not None}
    if long := [
        name for name, value in facts.items() if isinstance(value, list) and len(value) > MAX_ENTRIES
    ]:
        raise ArtifactError(f"a formula has over {MAX_ENTRIES} entries of {long[0]!r}")
    return facts


def _describe_tree(tree: Expression) -> Document:
    """What is known of a formula without rows."""
    return {
        "tree": to_json(tree),
        "complexity": complexity(tree),
        "size": count_nodes(tree),
        "rmse": None,
        "r2": None,
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


def build_compact_member(predictor: Predictor, document: PortableModel | None) -> dict[str, CompactMemberOut]:
    """The entry of the compact network in the record of a model; empty without one."""
    member, compact = predictor.compact, predictor.compact_predictor
    if member is None or compact is None:
        return {}
    shape = describe_network(compact.network, compact.inputs, compact.outputs, None)
    entry = (document.compact if document else None) or PortableCompact(metrics={})
    return {
        "compact": CompactMemberOut(
            metrics=entry.metrics,
            network=shape.model_copy(update={"edges": member.network.curve_count}),
            serves=member.serves,
            fidelity=entry.fidelity,
            path=[CompactStepOut(**step.model_dump()) for step in entry.path],
        )
    }


def build_linear_member(predictor: Predictor, document: PortableModel | None) -> dict[str, LinearMemberOut]:
    """The entry of the line in the record of a model; empty without one."""
    from kan_engine.inference.linear_network import classify_linear_network  # noqa: PLC0415  # imports torch

    member, line = predictor.linear, predictor.linear_predictor
    if member is None or line is None:
        return {}
    entry = (document.linear if document else None) or PortableMember(metrics={})
    kind = classify_linear_network(line.network, line.outputs)
    return {
        "linear": LinearMemberOut(
            metrics=entry.metrics, kind=kind, serves=member.serves, fidelity=entry.fidelity
        )
    }


def build_edges(
    predictor: Predictor,
    entries: list[PortableEdge] | None,
    arrays: AttachedArrays,
    outputs: list[str],
    curves: tuple[str, str] = CURVES,
) -> Document:
    """Every edge with its curve: imported, or computed from the network over the range of its inputs.

    Args:
        predictor: The network.
        entries: Its imported edges.
        arrays: The imported arrays.
        outputs: Names of its outputs.
        curves: Names of the arrays with its curves.

    Raises:
        ArtifactError: The network has no such edge, or the curves do not match the edges.
    """
    from kan_engine import probe_columns  # noqa: PLC0415  # as below
    from kan_engine.drawing.network_curves import describe_edges, describe_nodes  # noqa: PLC0415  # imports torch

    network, encoding = predictor.network, predictor.encoding
    scaler = predictor.outputs
    if entries is None:
        # Rows over the range of each column, since an imported model brings no rows of training
        rows = encoding.transform(probe_columns(encoding))
        return describe_edges(
            network, predictor.inputs, encoding, rows, outputs, lambda: True, scaler=scaler
        ).to_dict()
    edges = list(_match_edges(predictor, entries, [arrays.get(name, np.zeros(0)) for name in curves]))
    scores = {
        (edge["layer"], edge["in"], edge["to_layer"], edge["out"]): edge["score"] or 0.0 for edge in edges
    }
    nodes = describe_nodes(network, predictor.inputs, encoding, outputs, scores, scaler=scaler)
    return nodes.to_dict() | {"edges": edges}


def _match_edges(
    predictor: Predictor, entries: list[PortableEdge], curves: Sequence[Shaped[np.ndarray, "*dims"]]
) -> Iterator[Document]:
    network, start = predictor.network, 0
    depth = len(network.stack)
    # Edges that the masks keep: of the stacked layers, then of those from the inputs directly to the outputs
    places = {
        (number if number < depth else 0, i, number + 1 if number < depth else depth, j)
        for number, layer in enumerate(network.all_layers)
        for i, j in layer.mask.nonzero().tolist()
    }
    x, y = curves
    if not len(x) == len(y) == sum(edge.points for edge in entries):
        raise ArtifactError("its curves do not match its edges")
    for edge in entries:
        if (edge.layer, edge.source, edge.to_layer, edge.out) not in places:
            raise ArtifactError(f"it has no edge from {edge.source} to {edge.out} of layer {edge.layer}")
        # Curves are concatenated in the order of the edges; ``points`` divides them again
        part = slice(start, start + edge.points)
        start += edge.points
        curve = {"x": _to_list(x[part]), "y": _to_list(y[part])}
        yield edge.model_dump(by_alias=True, exclude={"points"}) | curve


def _to_list(values: Num[np.ndarray, " points"]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
