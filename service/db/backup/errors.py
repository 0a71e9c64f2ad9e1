"""The error of a failed backup or restore."""


class BackupError(RuntimeError):
    """A backup or restore failed; the message tells the operator what to do."""
