"""Selection of the network of a model that is drawn and listed edge by edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from service.db.tables import Model
from service.errors import Conflict
from service.schemas.models import MAX_SHOWN_EDGES, NetworkChoice

COMPACT = "compact"  # key of the edges of the compact network in those of the model


@dataclass(frozen=True)
class PicturedNetwork:
    """A network to draw.

    Attributes:
        name: Which network of the model it is.
        edges: Its nodes and edges, as ``describe_edges`` of the engine describes them.
        shape: Its shape, as in the record of the model.
    """

    name: Literal["accurate", "compact"]
    edges: dict[str, Any]
    shape: dict[str, Any]


def select_network(model: Model, choice: NetworkChoice | None) -> PicturedNetwork:
    """Select a network of a model.

    Args:
        model: The model.
        choice: The requested network; None for the served one, or for the compact one if that has too many
            edges.

    Raises:
        Conflict: The model has no compact network.
    """
    edges, record = model.edges, model.record
    member = (record.get("members") or {}).get(COMPACT) or {}
    is_served, is_large = member.get("serves", False), record["network"].get("edges", 0) > MAX_SHOWN_EDGES
    wants_compact = {
        None: COMPACT in edges and (is_served or is_large),
        "served": is_served,
        "accurate": False,
        "compact": True,
    }
    if not wants_compact[choice]:
        document = {name: value for name, value in edges.items() if name != COMPACT}
        return PicturedNetwork("accurate", document, record["network"])
    if COMPACT not in edges:
        detail = f"model {model.id} has no compact network; choose accurate or served, or train it again"
        raise Conflict("no_compact_network", detail)
    return PicturedNetwork("compact", edges[COMPACT], member["network"])
