"""Blocks of rows that bound the memory of the features, independent of the number of rows."""

from collections.abc import Iterator

from kan_engine.cost import FEATURE_BYTES
from kan_engine.network.kan import KAN


def row_blocks(network: KAN, rows: int) -> Iterator[slice]:
    """Slices of rows whose features fit into ``FEATURE_BYTES``."""
    features = max(layer.weight.shape[0] * layer.weight.shape[1] for layer in network.all_layers)
    size = max(1, FEATURE_BYTES // (8 * features))
    return (slice(start, start + size) for start in range(0, rows, size))
