"""What the audit of the image makes of the answers of pip-audit."""

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest

from tests.support.containers.compose import ROOT

SOUND = {"name": "sympy", "version": "1.14.0", "vulns": []}
FLAWED = {"name": "jinja2", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_vulnerability_fails_and_is_named_with_its_remedy(audit: Any) -> None:
    code, lines = audit.judge([SOUND, FLAWED])
    assert code == 1
    assert lines[0] == "jinja2 2.0: CVE-1, fixed in ['2.1']"


def test_packages_without_vulnerabilities_pass(audit: Any) -> None:
    assert audit.judge([SOUND]) == (0, ["1 packages, 0 vulnerabilities"])


def test_a_package_that_was_not_audited_is_named(audit: Any) -> None:
    assert audit.judge([SOUND, UNKNOWN])[1][0] == "torch: not audited"


@pytest.mark.parametrize("answers", [[], [UNKNOWN]])
def test_no_answer_is_not_taken_for_no_vulnerability(audit: Any, answers: list[Any]) -> None:
    code, lines = audit.judge(answers)
    assert code == 0
    assert "skipped" in lines[0]


def test_every_pin_is_read_without_its_hashes(audit: Any) -> None:
    text = "# the image\namqp==5.4.2 \\\n    --hash=sha256:12 \\\n    --hash=sha256:34\ntorch==2.13.0\n"
    assert audit.PIN.findall(text) == ["amqp==5.4.2", "torch==2.13.0"]
