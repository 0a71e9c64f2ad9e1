"""The JSON header of a saved model, with its versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from kan_engine.data.labels import Label
from kan_engine.errors import ArtifactError

BASE_VERSION = 2  # adds decision weights
SUPPORT_VERSION = 3  # densities only: older programs would not set them to 0 outside their support
BOUNDS_VERSION = 4  # regressions only: older programs would return values outside the bounds
SPLINES_VERSION = 5  # splines beside functions on edges: older programs would leave these splines out
READABLE_VERSIONS = (1, 2, 3, 4, 5)
MEMBERS = ("compact", "linear")
_VERSIONS_WITH = {
    "decision_weights": (2, 3, 4, 5),
    "support": (SUPPORT_VERSION, SPLINES_VERSION),
    "bounds": (BOUNDS_VERSION, SPLINES_VERSION),
}


@dataclass(frozen=True, kw_only=True)
class ArtifactHeader:
    """The JSON header of a saved model. Read from bytes, its values are unchecked, except ``version``.

    Attributes:
        version: Version of the format.
        target: Name of the target.
        classes: Labels of a classifier; None for a regression.
        decision_weights: Weights of its classes; None also in version 1.
        transform: Name of the transformation of the target; None for a classifier or a density.
        encoding: See ``Encoding.to_dict``.
        network: See ``NetworkHeader.to_dict``.
        metadata: The JSON object stored with the model.
        support: Ends of the support of every input of a density, of version 3; null is infinite. It may be
            empty in version 5.
        bounds: Lower and upper bound of the predictions, of version 4. They may be empty in version 5.
        members: See ``describe_member``, by name. Programs that do not know one ignore it in every version.
    """

    version: int
    target: str
    classes: Sequence[Label] | None
    decision_weights: Sequence[float] | None = None
    transform: str | None
    encoding: dict[str, Any]
    network: dict[str, Any]
    metadata: dict[str, Any]
    support: Sequence[Sequence[float | None]] = ()
    bounds: Sequence[float] = ()
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text of the header."""
        data = {name: getattr(self, name) for name in _field_names(self.version)}
        return json.dumps(data | self.members, sort_keys=True, allow_nan=False, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> ArtifactHeader:
        """Restore the header; raise KeyError where a part is missing."""
        data = parse_object(text)
        version = data["version"]
        if version not in READABLE_VERSIONS:
            versions = ", ".join(map(str, READABLE_VERSIONS))
            raise ArtifactError(
                f"the model has the format version {version!r}; this program reads the versions {versions}"
            )
        values = {name: data[name] for name in _field_names(version)}
        members = {name: data[name] for name in MEMBERS if data.get(name) is not None}
        return ArtifactHeader(**values, members=members)


def _field_names(version: int) -> list[str]:
    """Names of the fields of a version."""
    names = [field.name for field in fields(ArtifactHeader) if field.name != "members"]
    return [name for name in names if version in _VERSIONS_WITH.get(name, READABLE_VERSIONS)]


def parse_object(text: bytes | str) -> dict[str, Any]:
    """Read a JSON object; raise TypeError or ValueError if it is none."""
    document = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(document, dict):
        raise TypeError("its header is not a JSON object")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"its header contains {name}, which is not valid JSON")
