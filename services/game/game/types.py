"""Field types: allowed values and bounds of requests."""

import datetime as dt
import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema
from shared.http.fields import Integer

AuditAction = Literal["session_deleted"]
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MAX_TIME_LENGTH = 64
# JSON Schema has no bounds for dates, so patterns state them.
YEARS_FROM_1970 = "^(19[7-9]|2[0-9]{2})[0-9]-"
YEARS_FROM_2000 = "^2[0-9]{3}-[0-9]{2}-[0-9]{2}$"
ZONE_PATTERN = "^([A-Za-z][A-Za-z0-9_+/-]*|([Uu][Tt][Cc]|[Gg][Mm][Tt])?[-+ ](0?[0-9]|1[0-4])(:?[0-5][0-9])?)$"
MIN_DATE, MAX_DATE = dt.date(2000, 1, 1), dt.date(2999, 12, 31)


def _validate_rfc_3339(value: object) -> object:
    # Pydantic would also accept seconds since 1970, and times without an offset.
    if not isinstance(value, str) or len(value) > MAX_TIME_LENGTH or not RFC_3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-31T18:30:00Z")
    return value


def _validate_iso_date(value: object) -> object:
    if isinstance(value, str) and not ISO_DATE.fullmatch(value):
        raise ValueError("must be a date, such as 2026-01-31")
    return value


# With the offset that the client sent.
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_validate_rfc_3339),
    # A clock that was reset starts in 1970.
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC)),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "maxLength": MAX_TIME_LENGTH, "pattern": YEARS_FROM_1970}
    ),
]
Day = Annotated[
    dt.date,
    BeforeValidator(_validate_iso_date),
    Field(ge=MIN_DATE, le=MAX_DATE),
    WithJsonSchema({"type": "string", "format": "date", "pattern": YEARS_FROM_2000}),
]
TimeZoneName = Annotated[
    str,
    Field(
        max_length=64,
        json_schema_extra={"pattern": ZONE_PATTERN},
        description="Time zone of today, and of sessions whose offset is unknown: IANA name, or an "
        "offset of at most 14 hours, such as `+03:00`.",
        examples=["Europe/Berlin"],
    ),
]
# Pydantic does not document a bound behind a validator in a union.
Count = Annotated[
    Integer, Field(ge=0, le=200), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 200})
]
Score = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
