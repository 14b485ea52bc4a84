"""Prometheus metrics of every process. Services declare their own next to the code that they measure."""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response

REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the end of its response.",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
PUBLISHED = Counter("events_published_total", "Events confirmed by the broker.", ["type"])
OUTBOX_PENDING = Gauge("outbox_pending", "Messages waiting in the outbox, counted up to a million.")
OUTBOX_OLDEST = Gauge("outbox_oldest_seconds", "Age of the oldest message waiting in the outbox.")
OUTBOX_PARKED = Gauge("outbox_parked", "Messages in the outbox for which no queue exists.")
CONSUMED = Counter("events_consumed_total", "Deliveries, by outcome.", ["queue", "outcome"])
RATE_LIMITED = Counter("rate_limited_total", "Requests rejected by a rate limit.", ["limit"])


async def render_metrics(_: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
