"""Names of classes."""

import pytest

from kan_engine.data.labels import class_name


@pytest.mark.parametrize(("label", "name"), [(True, "true"), (3, "3"), (2.5, "2.5"), ("Yes", "Yes")])
def test_a_class_is_named_as_json_writes_it(label: bool | int | float | str, name: str) -> None:
    assert class_name(label) == name
