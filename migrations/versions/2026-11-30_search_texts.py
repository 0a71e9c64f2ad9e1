"""The text by which a dataset, a job or a model is found: names, columns, targets and tags, without case.

Revision ID: 0014
Revises: 0013
"""

from collections.abc import Iterator, Mapping
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
SOURCES = {  # columns of each table with the texts
    "dataset": {"name": sa.Text, "columns": JSON, "tags": JSON},
    "job": {"request": JSON},
    "model": {"name": sa.Text, "target": sa.Text, "tags": JSON},
}
BATCH_ROWS = 500


def upgrade() -> None:
    for name, sources in SOURCES.items():
        op.add_column(name, sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
        columns = [sa.column(source, kind) for source, kind in sources.items()]
        table = sa.table(name, sa.column("id", sa.String), sa.column("search_text", sa.Text), *columns)
        _fill(table, [table.c[source] for source in sources])


def downgrade() -> None:
    for name in SOURCES:
        with op.batch_alter_table(name) as batch:
            batch.drop_column("search_text")


def _fill(table: sa.TableClause, sources: list[sa.ColumnClause[Any]]) -> None:
    connection, last = op.get_bind(), ""
    query = sa.select(table.c.id, *sources).order_by(table.c.id).limit(BATCH_ROWS)
    change = (
        sa.update(table).where(table.c.id == sa.bindparam("row")).values(search_text=sa.bindparam("text"))
    )
    while rows := connection.execute(query.where(table.c.id > last)).mappings().all():
        last = rows[-1]["id"]
        connection.execute(change, [{"row": row["id"], "text": _make_text(row)} for row in rows])


def _make_text(row: Mapping[Any, Any]) -> str:
    folded = (normalize("NFKC", normalize("NFKC", text).casefold()) for text in _list_texts(row) if text)
    return "\n".join(folded)


def _list_texts(row: Mapping[Any, Any]) -> Iterator[Any]:
    if "request" in row:
        request = row["request"] if isinstance(row["request"], dict) else {}
        yield from (request.get(field) for field in ("name", "target"))
        return
    yield row["name"]
    yield row.get("target")
    columns, tags = row.get("columns"), row["tags"]
    yield from (column["name"] for column in (columns if isinstance(columns, list) else ()))
    for key, value in (tags if isinstance(tags, dict) else {}).items():
        yield from (key, str(value))
