"""The decision numbers of the HTTP interface, each with its reason. The operator's limits are settings."""

from dataclasses import dataclass

from service.api.live.limits import DEFAULT_LIVE, LiveLimits
from service.ingest.limits import DEFAULT_INGEST, IngestLimits
from service.operations.jobs.limits import DEFAULT_ADMISSION, AdmissionLimits
from service.operations.prediction.limits import DEFAULT_PREDICTION, PredictionLimits


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """What a request may take of this process; ``app.state.limits``.

    Attributes:
        max_inline_table_bytes: Largest body with a table that this process parses. Its schema stops at the
            first mistake, so this takes less than 0.1 s; the other process would need as long to start.
        max_inline_other_bytes: The same of other bodies, whose schemas report every mistake.
        max_inline_containers: Most lists and objects that this process parses: they take twenty times as
            long as numbers and texts.
        chunk_bytes: Of an answer of the other process that are sent at once.

        max_parsed_bodies: Large uploads and bodies parsed at once: each may hold a whole table in memory.
        kept_slots: Of these, for tenants that hold none: a tenant alone holds at most the other two, and two
            tenants leave one for a third.
        max_waiting_per_tenant: Large requests of a tenant: each has its body on disk while it waits.
        slot_timeout_s: After which a request that waits for a slot is refused.

        max_buckets: Number of buckets above which full ones are dropped.
        key_check_interval_s: After which a service without keys looks for a first one again: the look takes
            as long as a prediction of one row, and a key takes longer to make.

        live, ingest, admission, prediction: Handed down to event streams, readers, admission and predictions.
    """

    max_inline_table_bytes: int = 2**20
    max_inline_other_bytes: int = 64 * 1024
    max_inline_containers: int = 20_000
    chunk_bytes: int = 2**20

    max_parsed_bodies: int = 4
    kept_slots: int = 2
    max_waiting_per_tenant: int = 32
    slot_timeout_s: float = 30.0

    max_buckets: int = 10_000
    key_check_interval_s: float = 0.2

    live: LiveLimits = DEFAULT_LIVE
    ingest: IngestLimits = DEFAULT_INGEST
    admission: AdmissionLimits = DEFAULT_ADMISSION
    prediction: PredictionLimits = DEFAULT_PREDICTION


DEFAULT_LIMITS = HttpLimits()


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """What a connection may take of this process; a subclass of the protocol may have others.

    Attributes:
        read_ahead_bytes: Of a body that are buffered before its route reads them. uvicorn pauses at 64 KiB
            until the route reads on: ten turns of the event loop for the 640 kB of 10,000 rows, each of which
            waits on a busy machine.
        head_timeout_s: From the start of a connection, or the previous response, to the end of a head.
        idle_timeout_s: Without any byte of a body received, or of a response sent.
        check_interval_s: Between two checks of these times.
        max_connections: Fewer if the process may open few files.
    """

    read_ahead_bytes: int = 2**20
    head_timeout_s: float = 20.0
    idle_timeout_s: float = 60.0
    check_interval_s: float = 1.0
    max_connections: int = 10_000


DEFAULT_CONNECTION_LIMITS = ConnectionLimits()
