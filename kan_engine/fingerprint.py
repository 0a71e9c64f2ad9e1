"""Identification of JSON documents by their content."""

import hashlib
import json
from typing import Any


def fingerprint(document: Any) -> str:
    """SHA-256 of a JSON document, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
