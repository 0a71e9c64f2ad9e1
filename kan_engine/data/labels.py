"""Class labels, their names and their weights."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from kan_engine.errors import InvalidData

Label = bool | int | float | str


def class_name(label: Label | None) -> str:
    """Return a label as text, with booleans as in JSON: a key of an object, or a value of a text column."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def name_outputs(target: str, classes: Sequence[Label] | None, count: int) -> list[str]:
    """Names of the outputs of a network: the target for one; the classes, or numbered names, for several."""
    if classes is not None and len(classes) > 2:
        return [class_name(label) for label in classes]
    return [target] if count == 1 else [f"{target} {place + 1}" for place in range(count)]


def compute_class_weights(
    class_weight: Literal["balanced"] | Mapping[str, float],
    labels: Sequence[Label],
    training: Int[np.ndarray, " rows"],
    class_count: int,
    *,
    max_listed: int = 20,
) -> Float[np.ndarray, " classes"]:
    """Return the weight of every class of the training rows.

    Args:
        class_weight: Weights by the names of classes, 1 for others; with ``balanced`` the training rows of
            every class have the same total weight.
        labels: All labels of the target, those of the training rows first.
        training: Index of the label of every training row.
        class_count: Number of labels in the training rows.
        max_listed: Classes that a message lists.

    Raises:
        InvalidData: A class is not one of the labels.
    """
    if class_weight == "balanced":
        # Weights inverse to the frequencies, scaled so that their sum over the training rows is their number
        counts = np.bincount(training, minlength=class_count)
        return len(training) / (class_count * counts)
    assert not isinstance(class_weight, str)  # noqa: S101 - the only text is "balanced"
    names = sorted({class_name(label) for label in labels})
    unknown = [name for name in class_weight if name not in names]
    if unknown:
        listing = ", ".join(map(repr, names[:max_listed])) + (" and more" if names[max_listed:] else "")
        raise InvalidData(
            f"class_weight names a class {unknown[0]!r} that the target does not have; it has {listing}"
        )
    return np.array([float(class_weight.get(class_name(label), 1.0)) for label in labels[:class_count]])
