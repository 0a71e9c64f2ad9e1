"""Shell completion of model names, from a service that is already running."""

import os
from contextlib import suppress
from typing import Annotated

import httpx
import typer

from service.cli.support.running_service import choose_key, find_service_url
from service.client.environment import KEY_VARIABLE, URL_VARIABLE
from service.settings import load_settings


def model_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names and aliases that start with ``incomplete``; none on any error. Starts no service."""
    with suppress(Exception):
        parameters, settings = context.params, load_settings()
        url = parameters.get("server") or os.environ.get(URL_VARIABLE) or find_service_url(settings)
        if url is None:
            return []
        key = parameters.get("key") or os.environ.get(KEY_VARIABLE) or choose_key(url, settings)
        return [name for name in _fetch_names(url, key) if name.startswith(incomplete)]
    return []


def _fetch_names(url: str, key: str | None, *, max_models: int = 200, timeout_s: float = 0.5) -> list[str]:
    """Names and aliases of up to ``max_models`` models; completion has to be fast."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{url}/models", params={"limit": max_models}, headers=headers, timeout=timeout_s)
    models = answer.raise_for_status().json()["items"]
    names = [name for model in models for name in (model["name"], *_alias_names(model))]
    return list(dict.fromkeys(names))


def _alias_names(model: dict[str, list[str]]) -> list[str]:
    return [f"{model['name']}@{alias}" for alias in model["aliases"]]


Model = Annotated[
    str, typer.Argument(help="Id or name of a model, or name@alias.", autocompletion=model_names)
]
