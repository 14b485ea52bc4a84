"""Uploads in the form in which clients send them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from tests.sounds import make_wav

AUDIO = "/api/v1/admin/import/audio"
UPLOADS = "/api/v1/admin/import/uploads"
BOUNDARY = "parley-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

type File = tuple[str, bytes]

type Clean = Callable[[], Awaitable[None]]


async def upload(
    editor: httpx.AsyncClient, *files: File, session_id: object = None, field: str = "files[]"
) -> httpx.Response:
    data = {"upload_session_id": str(session_id)} if session_id else {}
    sent = [(field, (name, content, "application/octet-stream")) for name, content in files]
    return await editor.post(AUDIO, data=data, files=sent)


async def upload_and_parse(editor: httpx.AsyncClient, *files: File, **about: Any) -> dict[str, Any]:
    response = await upload(editor, *files, **about)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def list_names(body: dict[str, Any]) -> list[str]:
    return [file["stored_filename"] for file in body["uploaded_files"]]


def list_codes(body: dict[str, Any]) -> dict[str, str]:
    return {file["original_filename"]: file["code"] for file in body["rejected"]}


def build_part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def send(editor: httpx.AsyncClient, *chunks: bytes) -> httpx.Response:
    async def stream_body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return await editor.post(AUDIO, content=stream_body(), headers=FORM)


FILES = [(f"{number}.wav", make_wav(seed=number)) for number in range(3)]
PARTS = [build_part("files[]", content, name) for name, content in FILES]
