"""Structured logs: one JSON object per line on standard output, without bodies, tokens or personal data."""

import logging
import sys

import structlog


def configure(level: str, *, service: str, process: str) -> None:
    """Render all log records as JSON, those of libraries included."""
    enrich: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*enrich, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aio_pika", "aiormq", "httpx", "httpcore", "faststream"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Our own lines skip the standard library's records: one is written per request.
    structlog.configure(
        processors=[*enrich, render],
        logger_factory=_NamedWriter,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, process=process)


class _NamedWriter(structlog.WriteLogger):
    """Standard output with the name of its logger."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stdout)
        self.name = name


def current_traceparent() -> str | None:
    """Return the W3C trace context of the request or message in progress."""
    traceparent: str | None = structlog.contextvars.get_contextvars().get("traceparent")
    return traceparent
