"""Read files and request bodies as typed tables.

Every reader returns a frame with columns of six types, a report per column, and warnings about
everything that was guessed. Input that cannot be taken literally is refused with its line and column;
nothing is repaired silently.
"""

from service.ingest.column_report import IngestedTable as IngestedTable
from service.ingest.readers import read_columns as read_columns
from service.ingest.readers import read_rows as read_rows
from service.ingest.readers import read_upload as read_upload
from service.ingest.subprocess_reader import TableDescription as TableDescription
from service.ingest.subprocess_reader import convert_upload as convert_upload
from service.ingest.subprocess_reader import is_safe_in_process as is_safe_in_process
from service.ingest.subprocess_reader import write_parquet as write_parquet
