"""Read files and request bodies as typed tables.

Every reader returns a frame with columns of six types, a report per column, and warnings about
everything that was guessed. Input that cannot be taken literally is refused with its line and column;
nothing is repaired silently.
"""

from service.ingest.column_report import Ingested as Ingested
from service.ingest.readers import read_columns as read_columns
from service.ingest.readers import read_rows as read_rows
from service.ingest.readers import read_upload as read_upload
from service.ingest.subprocess_reader import Described as Described
from service.ingest.subprocess_reader import convert as convert
from service.ingest.subprocess_reader import is_harmless as is_harmless
from service.ingest.subprocess_reader import write as write
