"""Requests that are cut because their process ends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from shared.errors import Unavailable


class RequestAborted(Unavailable):
    """The process ended before the request did; send it again."""


@contextmanager
def translate_abort(scope: Scope) -> Iterator[None]:
    """Raise RequestAborted instead of the cancellation with which a process that stops ends a request."""
    try:
        yield
    except asyncio.CancelledError as error:
        if not getattr(scope["app"].state, "stopping", False):
            raise
        scope["state"]["was_cut"] = True
        raise RequestAborted(
            "The server is being restarted. Send the request again.", retry_after=1
        ) from error
