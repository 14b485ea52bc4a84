class ExportBrokenOff(Exception):
    """The response has started, but cannot be completed."""
