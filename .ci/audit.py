"""Look up known vulnerabilities of the packages on standard input: ``make audit``, which CI runs.

pip-audit asks PyPI. A network that fails says nothing about the packages, so the audit is then skipped, with
a message. A mirror without data on vulnerabilities answers 404 for every package, which pip-audit alone would
report as "no known vulnerabilities".
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PIN = re.compile(r"^[\w.-]+==[^\s\\]+", re.MULTILINE)


def main() -> int:
    """The exit code: 1 if a package has a known vulnerability."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        # Without hashes: pip-audit takes all or none, and torch has none. pip checks them in the image.
        pins.write_text("\n".join(PIN.findall(sys.stdin.read())), encoding="utf-8")
        run_audit(pins, "--dry-run").check_returncode()  # needs no network
        answer = run_audit(pins, "--format=json")
    if not answer.stdout:  # the last line of a traceback says what failed
        sys.stderr.write("\n".join(answer.stderr.splitlines()[-1:]) + "\n")
    code, lines = judge(json.loads(answer.stdout or "{}").get("dependencies", []))
    sys.stdout.write("\n".join(lines) + "\n")
    return code


def run_audit(pins: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on exact versions, which it need not resolve."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip"]
    command += ["--progress-spinner=off", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own options


def judge(dependencies: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code and what to print of the answers of pip-audit, one for each package."""
    answered = [part for part in dependencies if "skip_reason" not in part]
    if not answered:
        return 0, ["audit skipped: PyPI has no answer on vulnerabilities here; run `make audit` where it has"]
    found = [
        f"{part['name']} {part['version']}: {flaw['id']}, fixed in {flaw['fix_versions'] or 'no version'}"
        for part in answered
        for flaw in part["vulns"]
    ]
    unknown = [f"{part['name']}: not audited" for part in dependencies if "skip_reason" in part]
    return int(bool(found)), [*found, *unknown, f"{len(answered)} packages, {len(found)} vulnerabilities"]


if __name__ == "__main__":
    sys.exit(main())
