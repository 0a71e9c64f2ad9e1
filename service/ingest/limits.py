"""The decision numbers of the readers, each with its reason. Those of the operator are in the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class IngestLimits:
    """What the readers refuse, guess and report.

    Attributes:
        max_name_length: Characters of a column name.
        max_error_entries: Of one error.
        cell_bytes: Memory per cell while a table is read from text: an entry among texts, and a value.
        number_cell_bytes, text_cell_bytes: The same in a file that stores typed columns.

        chunk_bytes: Read from a file at once.
        encoding_words: Different words, from which an encoding is guessed.
        head_bytes: Of a file, from which its format and encoding are guessed.
        max_inflation: Bytes of a gzip file per byte that was sent: cells that are almost all empty or zero
            have 220, one row that repeats without end has over 500.
        min_inflated_bytes: That any gzip file may have; so many are read in a second.
        max_control_share: Of the characters of a text that may be control characters.
        min_nul_share: Among every second byte, from which a file is UTF-16: digits and separators are half of
            any such table.

        sample_characters, sample_records: Of a CSV file, from which its separator is guessed.
        csv_block_rows: Few enough that Python's garbage collector does not traverse them repeatedly.
        json_block_rows: Of a JSON Lines file that are converted at once.
        max_line_characters: Of a line of a JSON Lines file.

        max_mixed_share: Of the cells of a text column that are not numbers; up to it, they count as errors.
        min_other_values: Distinct values beside a code for missing values: fewer show no range.
        min_single_code: Least absolute value of a code for missing values that occurs only once.

        max_unconditional_categories: Distinct texts, up to which any column is a category.
        max_categories: The same for a column in which each text occurs twice on average.
        max_top_values: Most frequent values in the report of a column.
        histogram_bins: Enough to see two peaks, few enough for a thumbnail.
        max_shown_characters: Of a text in the report of a column.

        max_in_process_bytes: Of plain text: read in less time than a process takes to start.
        base_cpu_s, cpu_s_per_mib: Processor time of the child process, and for every MiB of the file. Five
            times what usual gzipped tables take; stops early a small file that expands to a huge table.
        wall_time_factor: Wall-clock time per processor time: other processes may share the processor.
        memory_factor: Hard limit of memory, in multiples of the estimate that a table may have.
        base_memory_bytes: Of the child process without a table.
    """

    max_name_length: int = 200
    max_error_entries: int = 20
    cell_bytes: int = 28
    number_cell_bytes: int = 12
    text_cell_bytes: int = 40

    chunk_bytes: int = 2**20
    encoding_words: int = 500
    head_bytes: int = 64 * 1024
    max_inflation: int = 250
    min_inflated_bytes: int = 64 * 2**20
    max_control_share: float = 0.01
    min_nul_share: float = 0.5

    sample_characters: int = 64 * 1024
    sample_records: int = 100
    csv_block_rows: int = 2_000
    json_block_rows: int = 20_000
    max_line_characters: int = 16 * 2**20

    max_mixed_share: float = 0.5
    min_other_values: int = 5
    min_single_code: int = 999

    max_unconditional_categories: int = 20
    max_categories: int = 1_000
    max_top_values: int = 10
    histogram_bins: int = 24
    max_shown_characters: int = 100

    max_in_process_bytes: int = 256 * 1024
    base_cpu_s: int = 10
    cpu_s_per_mib: int = 5
    wall_time_factor: int = 10
    memory_factor: int = 2
    base_memory_bytes: int = 2**30


DEFAULT_INGEST = IngestLimits()
