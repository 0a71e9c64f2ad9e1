"""Labels of classes, and their names."""

Label = bool | int | float | str


def class_name(label: Label | None) -> str:
    """A label as text, as JSON writes it: the key of an object, or one of several types in a column."""
    return str(label).lower() if isinstance(label, bool) else str(label)
