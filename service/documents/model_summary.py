"""The part of a model's record that describes its predictor, both for trained and for imported models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kan_engine import to_latex, to_text, variables
from kan_engine.data.datetime_parts import format_iso_time
from service.schemas.members import NetworkOut
from service.schemas.model_document import FeatureOut

if TYPE_CHECKING:
    from kan_engine import Encoding, Expression, Feature, Standardizer, TargetScaler
    from kan_engine.network.kan import KAN


@dataclass(frozen=True, kw_only=True)
class FormulaSummary:
    """A formula as clients read it, with the meaning of its variables."""

    expression: str
    latex: str
    symbols: dict[str, str]
    derived: dict[str, dict[str, Any]]
    fills: dict[str, float]


def describe_features(encoding: Encoding) -> list[FeatureOut]:
    """The input columns of the model."""
    return [
        FeatureOut(
            name=feature.name,
            type=feature.type,
            min=_format_value(feature, feature.min),
            max=_format_value(feature, feature.max),
            categories=list(feature.categories) or None,
            has_missing=feature.has_missing,
            fill=None if feature.type == "category" else _format_value(feature, feature.fill),
            margin=feature.margin,
        )
        for feature in encoding.features
    ]


def _format_value(feature: Feature, value: float | None) -> float | str | None:
    """The number; for a time, its ISO 8601 text."""
    return format_iso_time(value) if feature.type == "datetime" and value is not None else value


def describe_network(
    network: KAN,
    inputs: Standardizer,
    outputs: TargetScaler | None,
    optimizer: str | None,
    device: str | None = "cpu",
) -> NetworkOut:
    """Describe a network with its scalings, the optimizer that trained it, and the device where it did."""
    return NetworkOut(
        width=list(network.config.width),
        grid=network.stack[0].grid_size,
        order=network.config.order,
        products=sum(network.config.product_counts),
        parameters=network.parameter_count,
        edges=network.edge_count,
        direct=network.config.direct,
        target_transform=outputs.transform if outputs else "identity",
        input_scaling="range" if inputs.quantiles is None else "quantiles",
        optimizer=optimizer,
        device=device,
    )


def describe_formula(tree: Expression, names: Mapping[str, str], encoding: Encoding | None) -> FormulaSummary:
    """Describe a formula.

    Args:
        tree: The formula.
        names: Printed names by column.
        encoding: Defines the variables that are not columns of the client.
    """
    inputs = variables(tree)
    by_name = {column.name: column for column in encoding.names} if encoding else {}
    columns = {name: by_name[name] for name in inputs if name in by_name and by_name[name].definition}
    symbols = {names[name]: name for name in inputs if names[name] != name}
    return FormulaSummary(
        expression=to_text(tree, names),
        latex=to_latex(tree, names),
        symbols=symbols | {names[name]: column.meaning for name, column in columns.items()},
        derived={name: asdict(column.definition) for name, column in columns.items() if column.definition},
        fills=_collect_fill_values(inputs, encoding),
    )


def _collect_fill_values(inputs: tuple[str, ...], encoding: Encoding | None) -> dict[str, float]:
    """Values that replace missing ones, for columns that had missing values in training."""
    features = encoding.features if encoding else ()
    return {
        f.name: f.fill
        for f in features
        if f.has_missing and f.type not in ("category", "datetime") and f.name in inputs
    }
