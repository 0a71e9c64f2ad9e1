"""A database that takes no writes for a while: clients are told to come again."""

from typing import cast

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, event

READ_ONLY = {"sqlite": "PRAGMA query_only = {}", "postgresql": "SET transaction_read_only = {}"}


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
    """For every transaction from now on, as after a failover to a standby, which takes no wish to write."""

    def tell(connection: Connection) -> None:
        connection.exec_driver_sql(READ_ONLY[engine.dialect.name].format(on))

    engine.dispose()
    event.listen(engine, "begin", tell, insert=True)
