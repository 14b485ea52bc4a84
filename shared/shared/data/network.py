"""Errors of the network below every driver."""

from asyncio import IncompleteReadError


def is_network_error(error: BaseException) -> bool:
    """Return whether a connection failed, was reset or timed out."""
    # uvloop raises a bare RuntimeError for a write to a connection that was reset.
    is_reset = type(error) is RuntimeError and "the handler is closed" in str(error)
    return is_reset or isinstance(error, OSError | TimeoutError | IncompleteReadError)
