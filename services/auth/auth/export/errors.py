class ExportBrokenOff(Exception):
    """The response has begun, and cannot be completed."""
