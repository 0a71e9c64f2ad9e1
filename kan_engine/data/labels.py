"""Class labels and their names."""

Label = bool | int | float | str


def class_name(label: Label | None) -> str:
    """Return a label as text, with booleans as in JSON: a key of an object, or a value of a text column."""
    return str(label).lower() if isinstance(label, bool) else str(label)
