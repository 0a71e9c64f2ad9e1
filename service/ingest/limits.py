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
        number_cell_bytes: Memory per number in a file that stores typed columns.

        chunk_bytes: Read from a file at once.
        encoding_words: Different words, from which an encoding is guessed.
        head_bytes: Of a file, from which its format and encoding are guessed.
        max_inflation: Bytes of a gzip file per byte that was sent: cells that are almost all empty or zero
            have 220, one row that repeats without end has over 500.
        max_control_share: Of the characters of a text that may be control characters.

        sample_characters: Of a CSV file, from which its separator is guessed.

        max_categories: Distinct texts of a category, in which each occurs twice on average.
        max_shown_characters: Of a text in the report of a column.

        base_cpu_s: Processor time of the child process for any file.
        wall_time_factor: Wall-clock time per processor time: other processes may share the processor.
        base_memory_bytes: Of the child process without a table.
    """

    max_name_length: int = 200
    max_error_entries: int = 20
    cell_bytes: int = 28
    number_cell_bytes: int = 12

    chunk_bytes: int = 2**20
    encoding_words: int = 500
    head_bytes: int = 64 * 1024
    max_inflation: int = 250
    max_control_share: float = 0.01

    sample_characters: int = 64 * 1024

    max_categories: int = 1_000
    max_shown_characters: int = 100

    base_cpu_s: int = 10
    wall_time_factor: int = 10
    base_memory_bytes: int = 2**30


DEFAULT_INGEST = IngestLimits()
