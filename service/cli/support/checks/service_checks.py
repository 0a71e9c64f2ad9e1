"""Checks of the service: settings, database, keys, broker, workers.

Of driver errors only the type is printed: their text may contain addresses, names and passwords.
"""

import redis
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from service.cli.support.checks.findings import (
    INSTALL_HINT,
    Finding,
    report_broken,
    report_ok,
    report_warning,
)
from service.db.migrate import database_exists, head_revision, is_known_revision, read_database_revision
from service.db.repositories.api_keys import ApiKeys
from service.db.repositories.workers import Workers
from service.db.session import make_engine, make_sessions
from service.queue import BrokenTransport, load_transport
from service.settings import InvalidSettings, Settings, is_loopback, load_settings

START_HINT = "run `kan-service serve`, or `kan-service worker` if the API already runs"


def check_settings() -> tuple[Finding, Settings | None]:
    """Check the settings in the environment; return them if they are valid."""
    try:
        read = load_settings()
    except InvalidSettings as error:
        return report_broken(
            "settings", str(error), "correct these settings; `kan-service settings` then lists all"
        ), None
    set_here = len(read.model_fields_set)
    return report_ok(
        "settings", f"valid, {set_here} set by KAN_ variables; `kan-service settings` shows all"
    ), read


def check_database(read: Settings) -> Finding:
    """Check that the database is reachable and at the revision of this version."""
    kind = read.database_url.partition(":")[0].partition("+")[0]
    if not database_exists(read):
        return report_ok("database", f"{kind}: does not exist yet; `kan-service serve` creates it")
    try:
        revision = read_database_revision(read)
    except (SQLAlchemyError, ArgumentError, ImportError) as error:
        remedy = "check that it runs, and that KAN_DATABASE_URL has its address, user and password"
        return report_broken("database", f"{kind}: cannot be used ({type(error).__name__})", remedy)
    fact = f"{kind}: at revision {revision or 'none'}"
    if revision == head_revision():
        return report_ok("database", fact)
    fact += f", this version needs {head_revision()}"
    if revision is not None and not is_known_revision(revision):
        return report_broken("database", fact, "a newer version created it; install that version")
    return report_warning("database", fact, "run `kan-service migrate`")


def check_access(read: Settings) -> Finding:
    """Check who gets in without a key.

    A proxy on this machine that adds no header of forwarding looks like a user of this machine.
    """
    engine = make_engine(read)
    try:
        with make_sessions(engine).read() as session:
            has_key = ApiKeys(session).has_key()
    except SQLAlchemyError:
        return report_warning(
            "access", "unknown, because the database cannot be read", "repair the database first"
        )
    finally:
        engine.dispose()
    if not is_loopback(read.host):
        return report_ok("access", "every request needs a key")
    if has_key and read.open_loopback == "off":
        return report_ok("access", "keys exist, so requests need one; commands of this user need none")
    fact = "requests on loopback need no key, also those of a proxy here that adds no X-Forwarded-For"
    if has_key or read.allowed_hosts or read.trusted_proxies:  # as with a proxy
        remedy = "have requests judged by keys: `kan-service keys create NAME`, without KAN_OPEN_LOOPBACK"
        return report_warning("access", fact, remedy)
    return report_ok("access", fact)


def check_broker(read: Settings, *, timeout_s: float = 2.0) -> Finding:
    """Check that the broker, if one is configured, is reachable within the time."""
    if not read.broker_url.startswith(("redis://", "rediss://")):
        return report_ok("broker", "none needed: workers poll the database")
    try:
        load_transport()
    except BrokenTransport as error:
        return report_broken("broker", str(error), INSTALL_HINT)
    try:
        with redis.Redis.from_url(
            read.broker_url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        remedy = "check that it runs, and that KAN_BROKER_URL has its address and password"
        return report_broken("broker", f"redis cannot be reached ({type(error).__name__})", remedy)
    return report_ok("broker", "redis answers")


def check_worker(read: Settings) -> Finding:
    """Check that a worker is alive."""
    engine = make_engine(read)
    try:
        with make_sessions(engine).read() as session:
            workers = Workers(session)
            pool = workers.count_live()
    except SQLAlchemyError:
        return report_warning(
            "worker", "unknown, because the database cannot be read", "repair the database first"
        )
    finally:
        engine.dispose()
    if pool.count:
        return report_ok("worker", f"{pool.count} alive, for {pool.slots} jobs at a time")
    return report_warning(
        "worker", f"none was seen in the last {workers.max_silence.seconds} s: jobs would wait", START_HINT
    )
