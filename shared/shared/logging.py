"""Structured logs: one JSON object per line on standard output, without bodies, tokens or personal data."""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import structlog

from shared.errors import Unavailable

# Messages of these exceptions name parts of the program. All others may quote a value: a key, a row, an
# address, a URL.
PLAIN_ERRORS = (AttributeError, ImportError, NameError, NotImplementedError, TypeError, Unavailable)
VERBOSE_LIBRARIES = (
    *("aio_pika", "aiormq", "httpcore", "httpx", "multipart", "python_multipart"),
    *("sqlalchemy", "urllib3"),
)

type ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def configure(level: str, *, service: str, process: str) -> None:
    """Render all log records as JSON, those of libraries included."""
    enrich: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_format_exc_info),
    ]
    render = structlog.processors.JSONRenderer()
    _configure_libraries(level, enrich, render)
    # Our own lines bypass the standard library's records, because there is one per request.
    structlog.configure(
        processors=[*enrich, render],
        logger_factory=_NamedWriter,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, process=process)
    _log_uncaught()


def _configure_libraries(
    level: str, enrich: Sequence[structlog.typing.Processor], render: structlog.typing.Processor
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*enrich, structlog.stdlib.ExtraAdder(), _shorten_event],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    # Libraries' debug logs contain the data they process.
    foreign_level = max(logging.getLevelNamesMapping()[level], logging.INFO)
    logging.basicConfig(level=foreign_level, handlers=[handler], force=True)
    for library in VERBOSE_LIBRARIES:
        logging.getLogger(library).setLevel(max(foreign_level, logging.WARNING))


def describe_error(error: BaseException) -> str:
    """Name an error without the values that its message may quote."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    for attribute in ("code", "sqlstate", "constraint_name", "errno", "smtp_code"):
        value = getattr(error, attribute, None)
        if isinstance(value, str | int):
            name += f" [{value}]"
    return f"{name}: {error}" if isinstance(error, PLAIN_ERRORS) else name


def format_exception(error: BaseException) -> str:
    """Format an error and its causes like Python does, the first cause first, without quoted values."""
    parts: list[str] = []
    for cause in _list_causes(error):
        parts.append("".join(traceback.format_tb(cause.__traceback__)) + describe_error(cause))
    return "\n\nwhich led to\n\n".join(reversed(parts))


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    visited, pending = set[int](), [error]
    while pending:
        current = pending.pop()
        if id(current) in visited:
            continue
        visited.add(id(current))
        yield current
        cause = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        members = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        pending += [*members, *([cause] if cause else [])]


def _format_exc_info(exc_info: ExcInfo) -> str:
    return format_exception(exc_info[1])


def _shorten_event(_: Any, __: str, event_dict: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Reduce a library's traceback to its frames, and other messages to the first line."""
    first, *others = str(event_dict["event"]).split("\n")
    if first.startswith("Traceback"):
        frames = [line if line.startswith(" ") else line.partition(":")[0] for line in others]
        event_dict["event"] = "\n".join([first, *frames])
    else:
        # The following lines of asyncio's messages show the task, with its error's message.
        event_dict["event"] = first
    return event_dict


def _log_uncaught() -> None:
    log = structlog.get_logger("uncaught")

    def log_uncaught(error_type: type[BaseException], error: BaseException, _: object) -> None:
        if issubclass(error_type, KeyboardInterrupt):
            return
        log.critical("uncaught_exception", exception=format_exception(error))

    def log_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log_uncaught(args.exc_type, args.exc_value, None)

    sys.excepthook, threading.excepthook = log_uncaught, log_thread


class _NamedWriter(structlog.WriteLogger):
    """Standard output with the name of its logger."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stdout)
        self.name = name


def get_current_traceparent() -> str | None:
    """Return the W3C trace context of the request or message in progress."""
    traceparent: str | None = structlog.contextvars.get_contextvars().get("traceparent")
    return traceparent
