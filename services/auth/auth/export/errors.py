class ExportInterrupted(Exception):
    """The response has started, but cannot be completed."""
