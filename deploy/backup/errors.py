class BackupFailed(Exception):
    """A backup or a restore that did not take place; the message is one line for the operator."""
