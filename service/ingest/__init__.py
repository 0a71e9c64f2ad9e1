"""Files and bodies of clients as typed tables: sniff, check, report.

Three ways in, one result: a frame whose columns have one of six types, a report per column, and
warnings that name everything that had to be guessed. What cannot be taken literally is refused
with the line and the column, never repaired in silence.
"""

from service.ingest.column_report import Ingested as Ingested
from service.ingest.readers import read_columns as read_columns
from service.ingest.readers import read_rows as read_rows
from service.ingest.readers import read_upload as read_upload
from service.ingest.subprocess_reader import Described as Described
from service.ingest.subprocess_reader import convert as convert
from service.ingest.subprocess_reader import is_harmless as is_harmless
from service.ingest.subprocess_reader import write as write
