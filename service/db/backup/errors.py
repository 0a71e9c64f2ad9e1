"""What an operator has to know about a backup that did not succeed."""


class BackupError(RuntimeError):
    """The message says what happened, and what to do."""
