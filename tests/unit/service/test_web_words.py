"""Every script of the page finds the words that it asks for."""

import json
import re
from pathlib import Path

import pytest

from kan_engine.library import LIBRARY

WEB = Path("service/web")
WORDS = json.loads((WEB / "i18n/en.json").read_text())
SCRIPTS = sorted(path for path in (WEB / "js").rglob("*.js"))
ASKED = re.compile(r"""(?<![\w.])t\(\s*(?:"([^"]+)"|`([^`$]*)(\$)?)""")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(WEB / "js").as_posix())
def test_a_script_has_its_words(script: Path) -> None:
    for literal, beginning, is_open in ASKED.findall(script.read_text()):
        if literal or not is_open:
            assert (literal or beginning) in WORDS
        else:
            assert any(key.startswith(beginning) for key in WORDS)


def test_every_function_of_the_library_has_words() -> None:
    assert [name for name in LIBRARY if f"model.function.{name}" not in WORDS] == []
