"""Messages of the Speech service's protocol: headers, an empty line and a body, as text or binary frames."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Message:
    """A frame of the client. The names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.headers["path"].lower()

    @property
    def request_id(self) -> str:
        return self.headers.get("x-requestid", "")

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


def parse_frame(frame: str | bytes) -> Message:
    """Parse a text frame, or a binary one, which starts with the length of its headers."""
    if isinstance(frame, str):
        head, _, text = frame.partition("\r\n\r\n")
        return Message(_parse_headers(head), text.encode())
    end = 2 + int.from_bytes(frame[:2], "big")
    return Message(_parse_headers(frame[2:end].decode()), frame[end:])


def _parse_headers(head: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.split("\r\n") if line)
    return {name.lower(): value for name, _, value in pairs}


def format_frame(path: str, request_id: str, body: str) -> str:
    headers = {"X-RequestId": request_id, "Content-Type": JSON_TYPE, "Path": path}
    head = "".join(f"{name}:{value}\r\n" for name, value in headers.items())
    return f"{head}\r\n{body}"
