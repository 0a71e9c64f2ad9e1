"""Fixtures: real databases, a real broker, and the service on top of them.

``sqlite_url``, ``postgres_url`` and ``database_url`` (both, one after the other) name a fresh, migrated
database for each test; the ``empty_…`` variants one without tables. PostgreSQL and Valkey come from
``KAN_TEST_DATABASE_URL`` and ``KAN_TEST_REDIS_URL`` where these are set, from wheels otherwise; a test
that can have neither fails. Every xdist worker has its own servers.
"""

from __future__ import annotations

import functools
import gc
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import hypothesis
import pytest
import redis
from jaxtyping import config, install_import_hook

import tests.support.typecheck  # noqa: F401  # named by the import hook below
from tests.support.databases import MigratedDatabases, new_database
from tests.support.servers import LOOPBACK, PostgresServer, ValkeyServer, serving

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from service.db.session import Sessions
    from service.settings import Settings

# The engine's shapes are checked while it is tested: this must come before anything imports it. What can be
# checked takes half as long again even where it is not, so `make test` switches it off for all other tests.
if os.environ.get("KAN_TEST_SHAPES") != "off":
    install_import_hook("kan_engine", "tests.support.typecheck.typechecked")

# Two noisy cores: time limits per example would say more about the neighbours than about the code.
hypothesis.settings.register_profile("kan", deadline=None, max_examples=30)
hypothesis.settings.load_profile("kan")

ENGINE = Path(__file__).parent / "unit" / "kan_engine"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage, and never look for it in what was collected: that all stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in which shapes are checked."""
    for item in items:
        if ENGINE in item.path.parents and "shapes_unchecked" not in item.fixturenames:
            item.add_marker("shaped")


@pytest.fixture(autouse=True, scope="module")
def _shapes_checked_in_tests_of_parts(request: pytest.FixtureRequest) -> None:
    """In ``tests/unit/kan_engine`` alone: checks take as long as all else, and what calls the parts has no
    shapes of its own.
    """
    config.update("jaxtyping_disable", ENGINE not in request.path.parents)


@pytest.fixture(scope="module")
def shapes_unchecked() -> Iterator[None]:
    """Not even there, for tests of whole trainings, and for those in which nothing has a shape."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def small_dictionary() -> Iterator[None]:
    """Jobs have few products of terms, coarse grids and short searches, since most time is theirs."""
    from tests.support.engine.readings import use_small_dictionary
    from tests.support.engine.short_searches import shorten_searches, use_coarse_grids
    from worker.pipelines import search_config

    few = shorten_searches(use_coarse_grids(search_config.THRESHOLDS))
    with pytest.MonkeyPatch.context() as patch:
        use_small_dictionary(patch)
        patch.setattr(search_config, "THRESHOLDS", few)
        yield


@pytest.fixture
def first_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs have every stage of a search and little work in each, for tests of what is around it."""
    from tests.support.engine.readings import use_small_dictionary
    from tests.support.engine.short_searches import use_first_results
    from worker.pipelines import search_config

    use_small_dictionary(monkeypatch)
    monkeypatch.setattr(search_config, "THRESHOLDS", use_first_results(search_config.THRESHOLDS))


@pytest.fixture(scope="module")
def no_suggestions() -> Iterator[None]:
    """Fitting the library to every edge of a picture takes longer than a small training; it has own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "kan_engine.drawing.network_curves.suggest_symbolic", lambda curves: [[] for _ in curves]
        )
        yield


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's shell must not reach a test."""
    for name in list(os.environ):
        if name.startswith(("KAN_", "KANSERVICE_")) and not name.startswith("KAN_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _one_tls_context() -> Iterator[None]:
    """No test speaks TLS, but every client of httpx would read the certificates of all authorities."""
    from httpx._transports import default

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "create_ssl_context", functools.cache(default.create_ssl_context))
        yield


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """URL of a database on a PostgreSQL server on which databases can be made."""
    if url := os.environ.get("KAN_TEST_DATABASE_URL"):
        yield url
        return
    server = PostgresServer()
    try:
        server.start()
        yield server.url
    finally:
        server.close()


@pytest.fixture(scope="session")
def migrated_databases(
    postgres_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MigratedDatabases]:
    """Those that ``postgres_url`` gives out."""
    folder = tmp_path_factory.mktemp("migrate")
    databases = MigratedDatabases(postgres_server_url, lambda url: _migrate(url, folder))
    yield databases
    databases.close()


@pytest.fixture
def postgres_url(migrated_databases: MigratedDatabases) -> Iterator[str]:
    """A migrated PostgreSQL database of this test alone."""
    with migrated_databases.one() as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A PostgreSQL database without tables."""
    with new_database(postgres_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests get copies of."""
    folder = tmp_path_factory.mktemp("sqlite")
    _migrate(f"sqlite:///{folder / 'kan.db'}", folder)
    return folder / "kan.db"


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test alone."""
    return f"sqlite:///{shutil.copy(_sqlite_template, tmp_path / 'kan.db')}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A SQLite database without tables."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test alone, once in each dialect."""
    return cast("str", request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database without tables, once in each dialect."""
    return cast("str", request.getfixturevalue(f"empty_{request.param}_url"))


@pytest.fixture(scope="session")
def _redis_server_url() -> Iterator[str]:
    if url := os.environ.get("KAN_TEST_REDIS_URL"):
        yield url
        return
    server = ValkeyServer()
    try:
        server.start()
        yield server.url
    finally:
        server.close()


@pytest.fixture
def redis_url(_redis_server_url: str) -> str:
    """An empty Redis database, shared by one test after the other."""
    with redis.Redis.from_url(_redis_server_url) as client:
        client.flushdb()
    return _redis_server_url


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A broker of this test alone, to be killed and started again."""
    server = ValkeyServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def no_redis_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that lacks what Celery's transport for Redis imports."""
    monkeypatch.setattr("kombu.transport._transport_cache", {})
    monkeypatch.delitem(sys.modules, "kombu.transport.redis", raising=False)
    monkeypatch.setitem(sys.modules, "packaging.version", None)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings over a fresh database, once in each dialect."""
    from service.settings import Settings

    return Settings(database_url=database_url, data_dir=tmp_path)


@pytest.fixture(scope="session")
def new_settings(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Settings]:
    """Settings over a fresh SQLite database for a service that several tests share.

    One dialect is enough there: what the service does has its own tests.
    """
    from service.settings import Settings

    def new_settings(**limits: Any) -> Settings:
        folder = tmp_path_factory.mktemp("shared")
        database = shutil.copy(_sqlite_template, folder / "kan.db")
        return Settings(data_dir=folder, database_url=f"sqlite:///{database}", **limits)

    return new_settings


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The API on that database; no worker runs."""
    from service.main import create_app

    return create_app(settings)


@pytest.fixture
def sessions(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Sessions]:
    """Transactions on that database: through the engine of the API, where the test has one."""
    if "app" in request.fixturenames:
        yield request.getfixturevalue("app").state.sessions
        return
    from service.db.session import make_engine, make_sessions

    engine = make_engine(settings)
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the API."""
    from fastapi.testclient import TestClient

    with TestClient(app, base_url=LOOPBACK) as test_client:
        yield test_client


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    """URL of the API on a socket."""
    with serving(app) as url:
        yield url


def _migrate(url: str, data_dir: Path) -> None:
    from service.db.migrate import upgrade
    from service.settings import Settings

    upgrade(Settings(database_url=url, data_dir=data_dir))
