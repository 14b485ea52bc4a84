class BackupFailed(Exception):
    """A backup or restore failed; the message is one line for the operator."""
