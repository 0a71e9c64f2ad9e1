"""Write service/requirements.lock: what the image installs, each file with its SHA-256.

``python .ci/lock.py`` asks pip which files it would install on this machine, Linux on x86_64, and then for
the same versions on aarch64. torch is left out: its CPU builds lie on an index of their own, whose versions
differ between processors; the image installs it by its exact version, and pip checks the hash of that index.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "service" / "requirements.lock"
OTHER = "aarch64"
GLIBC = range(17, 42)  # 2.41 is Debian trixie's, on which the image stands
HEAD = """\
# What the image installs, for Linux on x86_64 and aarch64 and Python {python}; `make lock` writes it.
# Not here: torch, see service/Dockerfile.
"""


def main() -> None:
    """Ask twice, and write what both answers name."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = pyproject["project"]["dependencies"] + pyproject["build-system"]["requires"]
    found = reported(wanted, ["--constraint", str(ROOT / "service" / "constraints.txt")])
    versions, hashes = {}, defaultdict[str, list[str]](list)
    for name, version, digest in found:
        versions[name] = version
        hashes[name].append(digest)
    platforms = [f"--platform=manylinux_2_{minor}_{OTHER}" for minor in GLIBC]
    platforms.append(f"--platform=manylinux2014_{OTHER}")
    elsewhere = ["--no-deps", "--target", "nowhere", *platforms]
    for name, _, digest in reported([f"{name}=={version}" for name, version in versions.items()], elsewhere):
        hashes[name].append(digest)
    lines = [
        f"{name}=={versions[name]} "
        + " ".join(f"\\\n    --hash=sha256:{digest}" for digest in dict.fromkeys(hashes[name]))
        for name in sorted(versions)
    ]
    head = HEAD.format(python="{}.{}".format(*sys.version_info))
    LOCK.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def reported(requirements: list[str], options: list[str]) -> list[tuple[str, str, str]]:
    """Name, version and SHA-256 of every file that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report, wanted = Path(folder) / "report.json", Path(folder) / "wanted.txt"
        wanted.write_text("\n".join(requirements), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--only-binary=:all:", "--report", str(report), "--requirement", str(wanted), *options]
        subprocess.run(command, check=True, cwd=folder)  # noqa: S603  # pip, with what the project names
        installed: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [
        (
            part["metadata"]["name"].lower().replace("_", "-"),
            part["metadata"]["version"],
            part["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for part in installed
        if part["metadata"]["name"] != "torch"
    ]


if __name__ == "__main__":
    main()
