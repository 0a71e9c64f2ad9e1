"""Texts of the service for agents: they name tools where texts for HTTP name routes."""

from __future__ import annotations

import re
from typing import Any

_ID = r"[^\s/;,.`?]+"
ROUTES = (  # longer paths first
    (rf"(?:GET|POST) /jobs/{_ID}/result", "read_result"),
    (rf"POST /jobs/{_ID}/retry", "retry_job"),
    (rf"GET /models/{_ID}/symbolic", "read_formula"),
    (rf"GET /models/{_ID}/edges", "read_edges"),
    (rf"POST /models/{_ID}/evaluate", "evaluate"),
    (rf"POST /models/{_ID}/next_rows", "propose_rows"),
    (rf"GET /datasets/{_ID}", "describe_dataset"),
    (rf"GET /models/{_ID}", "describe_model"),
    (rf"GET /jobs/{_ID}", "wait_for_job"),
    (r"GET /datasets", "list_datasets"),
    (r"GET /models(?:\?name=)?", "list_models"),
    (r"GET /jobs", "list_jobs"),
    (r"POST /datasets", "upload_table"),
    (r"POST /jobs", "train"),
    (rf"it is at /models/({_ID})", r"call read_formula with the model \1"),
)
_PATTERNS = [(re.compile(pattern), tool) for pattern, tool in ROUTES]


def name_tools(document: Any) -> Any:
    """A JSON document whose texts name the tools of the routes that they named."""
    if isinstance(document, dict):
        return {key: name_tools(value) for key, value in document.items()}
    if isinstance(document, list):
        return [name_tools(value) for value in document]
    return _name_tools_in_text(document) if isinstance(document, str) else document


def _name_tools_in_text(text: str) -> str:
    if "/" in text:
        for pattern, tool in _PATTERNS:
            text = pattern.sub(tool, text)
    return text
