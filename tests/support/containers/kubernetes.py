"""The manifests of service/kubernetes as `kubectl apply -k` sends them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.containers.compose import ROOT

Manifest = dict[str, Any]

MANIFESTS = ROOT / "service" / "kubernetes"
OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir())


@cache
def build_overlay(name: str) -> tuple[Manifest, ...]:
    """Everything that an overlay creates."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", str(MANIFESTS / "overlays" / name)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(yaml.safe_load_all(text))


def find_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    """The manifests of these kinds, by name."""
    return {
        manifest["metadata"]["name"]: manifest
        for manifest in build_overlay(overlay)
        if manifest["kind"] in kinds
    }


def list_pods(overlay: str) -> dict[str, Manifest]:
    """The templates of all pods, by the name of what makes them."""
    makers = find_kind(overlay, "Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob", "Pod")
    return {name: maker["spec"]["template"] for name, maker in makers.items()}


def list_containers(pod: Manifest) -> Iterator[Manifest]:
    """The containers of a pod, with those that run first."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def read_environment(overlay: str, container: Manifest) -> dict[str, str]:
    """The variables that a container gets, with those of its ConfigMaps."""
    maps = find_kind(overlay, "ConfigMap")
    variables: dict[str, str] = {}
    for source in container.get("envFrom", []):
        variables |= maps[source["configMapRef"]["name"]]["data"]
    return variables | {entry["name"]: entry["value"] for entry in container.get("env", [])}


def read_bytes(quantity: str) -> int:
    """The bytes of a quantity such as 9Gi."""
    return int(quantity[:-2]) * 1024 ** (1 + "KMGT".index(quantity[-2]))
