"""The parts of an HTTP API: application, errors, limits, pages."""
