"""Can the service do its work: settings, database, broker, workers.

Errors of drivers are named by their kind alone: their text may hold addresses, names and passwords.
"""

import redis
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from service.cli.support.findings import INSTALL, Finding, broken, ok, warning
from service.db.migrate import head_revision, is_known, is_there, revision_of
from service.db.repositories.workers import SEEN_WITHIN, Workers
from service.db.session import make_engine, make_sessions
from service.queue import BrokenTransport, load_transport
from service.settings import InvalidSettings, Settings, load_settings

BROKER_TIMEOUT_S = 2.0
START = "run `kan-service serve`, or `kan-service worker` where the API runs already"


def settings() -> tuple[Finding, Settings | None]:
    """What the environment asks for, and whether it can be."""
    try:
        read = load_settings()
    except InvalidSettings as error:
        return broken(
            "settings", str(error), "`kan-service settings` lists all of them once these are right"
        ), None
    set_here = len(read.model_fields_set)
    return ok("settings", f"valid, {set_here} set by KAN_ variables; `kan-service settings` shows all"), read


def database(read: Settings) -> Finding:
    """Whether it can be reached, and is of this version."""
    kind = read.database_url.partition(":")[0].partition("+")[0]
    if not is_there(read):
        return ok("database", f"{kind}: there is none yet; `kan-service serve` makes it")
    try:
        revision = revision_of(read)
    except (SQLAlchemyError, ArgumentError, ImportError) as error:
        remedy = "see that it runs, and that KAN_DATABASE_URL names it with its user and password"
        return broken("database", f"{kind}: cannot be used ({type(error).__name__})", remedy)
    fact = f"{kind}: at revision {revision or 'none'}"
    if revision == head_revision():
        return ok("database", fact)
    fact += f", this version needs {head_revision()}"
    if revision is not None and not is_known(revision):
        return broken("database", fact, "a newer version made it; install that one")
    return warning("database", fact, "run `kan-service migrate`")


def broker(read: Settings) -> Finding:
    """Whether it can be reached, where one is needed."""
    if not read.broker_url.startswith(("redis://", "rediss://")):
        return ok("broker", "none needed: workers look into the database")
    try:
        load_transport()
    except BrokenTransport as error:
        return broken("broker", str(error), INSTALL)
    try:
        with redis.Redis.from_url(
            read.broker_url, socket_timeout=BROKER_TIMEOUT_S, socket_connect_timeout=BROKER_TIMEOUT_S
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        remedy = "see that it runs, and that KAN_BROKER_URL names it with its password"
        return broken("broker", f"redis cannot be reached ({type(error).__name__})", remedy)
    return ok("broker", "redis answers")


def worker(read: Settings) -> Finding:
    """Whether one is there to train."""
    engine = make_engine(read)
    try:
        with make_sessions(engine).read() as session:
            seen = Workers(session).presence()
    except SQLAlchemyError:
        return warning("worker", "unknown, since the database cannot tell", "mend the database first")
    finally:
        engine.dispose()
    if seen.count:
        return ok("worker", f"{seen.count} alive, for {seen.slots} jobs side by side")
    return warning("worker", f"none was seen in the last {SEEN_WITHIN.seconds} s: jobs would wait", START)
