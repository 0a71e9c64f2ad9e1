"""What is noted on the way: bodies that were taken, answers that were given, codes of refusals."""

import json
import re
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
BINARY = ("application/vnd.apache.parquet", "application/octet-stream", "image/png")  # shown by no example
LONGEST_LIST, LONGEST_TEXT = 3, 700
Document = dict[str, Any]


class Tour:
    """Calls, and what came of them.

    Attributes:
        noted: By operation: bodies and answers by media type, and the codes of refusals.
        problems: One refusal for each code.
    """

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.document = client.app.openapi()  # type: ignore[attr-defined]
        self.noted: dict[str, Document] = {}
        self.problems: dict[str, Document] = {}

    def call(self, method: str, path: str, *, of: Document | None = None, **how: Any) -> Response:
        """Send a request that has to be taken.

        Args:
            method: Of the operation.
            path: As the document has it.
            of: Values of its parameters in braces.
            how: What else the client of httpx takes; ``title`` names the example.
        """
        answer = self.ask(method, path, of=of, **how)
        assert answer.is_success, (method, path, answer.text)
        return answer

    def refused(self, method: str, path: str, code: str, **how: Any) -> None:
        """Send a request that has to be refused with this code."""
        answer = self.ask(method, path, **how)
        assert answer.is_error, (method, path)
        assert answer.json()["code"] == code, (method, path, answer.text)

    def ask(self, method: str, path: str, *, of: Document | None = None, **how: Any) -> Response:
        """Send a request, and note what comes of it."""
        title = how.pop("title", "example")
        answer = self.client.request(method, path.format(**of or {}), **how)
        operation = self.document["paths"][path][method.lower()]["operationId"]
        noted = self.noted.setdefault(operation, {"bodies": {}, "answers": {}, "codes": []})
        if answer.is_error:
            self._note_problem(noted, answer.json())
        else:
            self._note_answer(noted, answer, title, how)
        return answer

    def _note_problem(self, noted: Document, problem: Document) -> None:
        if problem["code"] not in noted["codes"]:
            noted["codes"].append(problem["code"])
        self.problems.setdefault(problem["code"], shortened(problem))

    def _note_answer(self, noted: Document, answer: Response, title: str, how: Document) -> None:
        if "json" in how:
            noted["bodies"].setdefault("application/json", {})[title] = shortened(how["json"])
        if "files" in how:
            fields = {"file": "(the bytes of the file)"} | {
                n: v[1] for n, v in how["files"].items() if n != "file"
            }
            name, content = how["files"]["file"]
            if name.endswith(".csv"):
                fields["file"] = content[:60].rpartition("\n")[0] + "\n…"
            noted["bodies"].setdefault("multipart/form-data", {})[title] = fields | how.get("data", {})
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if media_type and media_type not in BINARY and answer.content:
            shown: Any = answer.json() if media_type == "application/json" else answer.text
            if media_type == "text/event-stream":  # the schema is that of one event
                lines = [line for line in shown.splitlines() if line.startswith(("event", "data", "id"))]
                shown = dict(line.split(": ", 1) for line in lines[:3])
            noted["answers"].setdefault(str(answer.status_code), {}).setdefault(media_type, shortened(shown))


def shortened(value: Any) -> Any:
    """Lists and texts as long as an example may be."""
    if isinstance(value, dict):
        return {name: shortened(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [shortened(entry) for entry in value[:LONGEST_LIST]]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[:LONGEST_TEXT] + "…"
    return value


def settled(noted: Document) -> Document:
    """The same with ids by their order, one time and one secret: a new tour changes only what has changed."""
    text, known = json.dumps(noted, ensure_ascii=False), dict[str, str]()
    for found in UUID.finditer(text):
        known.setdefault(found[0], f"01890a5d-ac96-774b-bcce-{len(known):012x}")
    text = UUID.sub(lambda found: known[found[0]], text)
    text = SECRET.sub("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", text)
    return json.loads(TIME.sub("2026-01-31T12:00:00Z", text))


def written(made: Document) -> str:
    """As JSON, with a line for each operation and each problem."""
    parts = (f" {json.dumps(name)}: {{\n{_lines(entries)}\n }}" for name, entries in made.items())
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(entries: Document) -> str:
    return ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(entries[name], ensure_ascii=False)}" for name in sorted(entries)
    )
