from .column_report import IngestedTable as IngestedTable
from .readers import read_columns as read_columns
from .readers import read_rows as read_rows
from .readers import read_upload as read_upload
from .subprocess_reader import TableDescription as TableDescription
from .subprocess_reader import convert_upload as convert_upload
from .subprocess_reader import is_safe_in_process as is_safe_in_process
from .subprocess_reader import write_parquet as write_parquet
