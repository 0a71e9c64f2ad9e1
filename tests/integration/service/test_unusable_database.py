"""A database that takes no writes for a while: clients are told to come again."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

READ_ONLY = {"sqlite": "PRAGMA query_only = {}", "postgresql": "SET default_transaction_read_only = {}"}


def test_what_cannot_be_written_now_is_asked_for_again_later(client: TestClient) -> None:
    table = {"columns": {"x": [1.0, 2.0], "y": [1.0, 2.0]}}
    engine: Engine = cast("FastAPI", client.app).state.sessions.writing.kw["bind"]
    set_read_only(engine, "on")
    refused = client.post("/datasets", json=table)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get("/datasets").json()["items"] == []
    set_read_only(engine, "off")
    assert client.post("/datasets", json=table).status_code == 201


def set_read_only(engine: Engine, on: str) -> None:
    """On every connection from now on, as after a failover to a standby."""

    def tell(connection: Any, _: Any) -> None:
        connection.execute(READ_ONLY[engine.dialect.name].format(on))
        connection.commit()

    engine.dispose()
    event.listen(engine, "connect", tell)
