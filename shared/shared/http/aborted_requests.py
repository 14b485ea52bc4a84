"""Requests that are aborted because their process stops."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from shared.errors import Unavailable


class RequestAborted(Unavailable):
    """The process stopped before the request was finished; send it again."""


@contextmanager
def translate_abort(scope: Scope) -> Iterator[None]:
    """Raise RequestAborted for the cancellation of a request by a process that is stopping."""
    try:
        yield
    except asyncio.CancelledError as error:
        if not getattr(scope["app"].state, "stopping", False):
            raise
        scope["state"]["was_aborted"] = True
        raise RequestAborted(
            "The server is being restarted. Send the request again.", retry_after=1
        ) from error
