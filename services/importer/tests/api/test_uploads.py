"""Uploads of recordings, as editors send them."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.api import uploads as api
from importer.app import create_app
from importer.commands.objects import DeleteObjects, delete_objects
from importer.commands.upload_sessions import purge_abandoned_files
from importer.domain import uploads as rules
from importer.models import AuditEntry, UploadedFile, UploadSession
from importer.settings import ApiSettings
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage, StorageUnavailable
from shared.testing import TokenFor, api_client
from sqlalchemy import select, update
from starlette.types import Message
from tests.sounds import make_archive, make_recording, make_wav

AUDIO = "/api/v1/admin/import/audio"
UPLOADS = "/api/v1/admin/import/uploads"
BOUNDARY = "parley-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

type OutboxJobs = Callable[..., Awaitable[list[Any]]]
type File = tuple[str, bytes]


@pytest.fixture(autouse=True)
async def empty_bucket(storage: Storage) -> None:
    await storage.delete(await storage.list_keys())


@pytest.fixture
def clean(
    committed_database: Database, storage: Storage, outbox_jobs: OutboxJobs
) -> Callable[[], Awaitable[None]]:
    """Does what the worker does with ordered deletions, and proves that each object has its row."""

    async def check() -> None:
        async with committed_database.transaction() as session:
            for job in await outbox_jobs(session, DeleteObjects):
                await delete_objects(storage, job)
            rows = await session.scalars(select(UploadedFile.object_key))
            assert sorted(rows) == sorted(await storage.list_keys())
            assert not (
                await session.scalars(select(UploadedFile).where(UploadedFile.state != "stored"))
            ).all()

    return check


type Clean = Callable[[], Awaitable[None]]


async def upload(
    editor: httpx.AsyncClient, *files: File, session_id: object = None, field: str = "files[]"
) -> httpx.Response:
    data = {"upload_session_id": str(session_id)} if session_id else {}
    sent = [(field, (name, content, "application/octet-stream")) for name, content in files]
    return await editor.post(AUDIO, data=data, files=sent)


async def uploaded(editor: httpx.AsyncClient, *files: File, **about: Any) -> dict[str, Any]:
    answer = await upload(editor, *files, **about)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def names(body: dict[str, Any]) -> list[str]:
    return [file["stored_filename"] for file in body["uploaded_files"]]


def codes(body: dict[str, Any]) -> dict[str, str]:
    return {file["original_filename"]: file["code"] for file in body["rejected"]}


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def send(editor: httpx.AsyncClient, *chunks: bytes) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return await editor.post(AUDIO, content=body(), headers=FORM)


# What is kept


async def test_recordings_of_all_formats_are_kept(
    editor: httpx.AsyncClient, storage: Storage, clean: Clean, committed_database: Database, editor_id: UUID
) -> None:
    files = [("a.wav", make_wav()), ("b.mp3", make_recording("mp3")), ("c.m4a", make_recording("m4a"))]
    body = await uploaded(editor, *files)
    assert body["rejected"] == []
    assert [file["format"] for file in body["uploaded_files"]] == ["wav", "mp3", "m4a"]
    for file, (name, content) in zip(body["uploaded_files"], files, strict=True):
        assert file["original_filename"] == file["stored_filename"] == name
        assert (file["size_bytes"], file["already_there"]) == (len(content), False)
        assert file["audio_key"] == f"speeches/{file['id']}.{file['format']}"
        assert await storage.read(file["audio_key"], max_bytes=100_000) == content
        assert 450 <= file["duration_ms"] <= 650
    await clean()
    async with committed_database.transaction() as session:
        entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
        assert [(entry.action, entry.actor_id, str(entry.subject_id), entry.after) for entry in entries] == [
            ("upload_session_opened", editor_id, body["upload_session_id"], None),
            (
                "recordings_uploaded",
                editor_id,
                body["upload_session_id"],
                {"files": 3, "bytes": sum(len(content) for _, content in files)},
            ),
        ]


async def test_objects_have_the_type_of_their_content(editor: httpx.AsyncClient, storage: Storage) -> None:
    body = await uploaded(editor, ("a.exe", make_wav()), ("b.wav", make_recording("mp3")))
    types = []
    for file in body["uploaded_files"]:
        url, _ = storage.presign(file["audio_key"])
        async with httpx.AsyncClient() as client:
            types.append((await client.get(url)).headers["content-type"])
    assert types == ["audio/wav", "audio/mpeg"]
    assert names(body) == ["a.exe", "b.wav"]


async def test_a_session_takes_many_uploads(editor: httpx.AsyncClient, clean: Clean) -> None:
    first = await uploaded(editor, ("a.wav", make_wav()))
    session_id = first["upload_session_id"]
    for field in ("files", "files[]"):
        second = await uploaded(
            editor, (f"{field}.wav", make_wav(seed=len(field))), session_id=session_id, field=field
        )
        assert (second["upload_session_id"], second["expires_at"]) == (session_id, first["expires_at"])
    session = (await editor.get(f"{UPLOADS}/{session_id}")).json()
    assert [file["stored_filename"] for file in session["files"]] == ["files[].wav", "files.wav", "a.wav"]
    await clean()


async def test_a_recording_larger_than_a_part_is_kept_whole(
    editor: httpx.AsyncClient, storage: Storage, clean: Clean
) -> None:
    content = make_wav(200)
    assert len(content) > 6_000_000
    body = await uploaded(editor, ("long.wav", content))
    assert await storage.read(body["uploaded_files"][0]["audio_key"], max_bytes=10_000_000) == content
    await clean()


# Names


async def test_a_file_that_is_there_is_recognised(editor: httpx.AsyncClient, clean: Clean) -> None:
    content = make_wav()
    first = await uploaded(editor, ("Café.wav", content))
    decomposed = unicodedata.normalize("NFD", "CAFÉ.WAV")
    again = await uploaded(
        editor, ("Café.wav", content), (decomposed, content), session_id=first["upload_session_id"]
    )
    assert [file["already_there"] for file in again["uploaded_files"]] == [True, True]
    assert {file["id"] for file in again["uploaded_files"]} == {first["uploaded_files"][0]["id"]}
    await clean()


async def test_a_file_that_is_there_is_not_stored_again(
    app: FastAPI, editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = (await uploaded(editor, *FILES))["upload_session_id"]

    async def fail(*_: Any, **__: Any) -> int:
        raise AssertionError

    monkeypatch.setattr(app.state.storage, "put_stream", fail)
    again = await uploaded(editor, *FILES, session_id=session_id)
    assert all(file["already_there"] for file in again["uploaded_files"])


async def test_another_content_or_name_is_another_file(editor: httpx.AsyncClient, clean: Clean) -> None:
    files = [("a.wav", make_wav(seed=seed)) for seed in (1, 2, 3)]
    body = await uploaded(editor, *files, ("b.wav", make_wav(seed=1)), ("A.wav", make_wav(seed=4)))
    assert names(body) == ["a.wav", "a_1.wav", "a_2.wav", "b.wav", "A_3.wav"]
    assert not any(file["already_there"] for file in body["uploaded_files"])
    again = await uploaded(editor, *files, session_id=body["upload_session_id"])
    assert names(again) == ["a.wav", "a_1.wav", "a_2.wav"]
    assert all(file["already_there"] for file in again["uploaded_files"])
    await clean()


async def test_a_suffix_that_another_file_has_is_left_out(editor: httpx.AsyncClient) -> None:
    body = await uploaded(
        editor, ("a_1.wav", make_wav(seed=1)), ("a.wav", make_wav(seed=2)), ("a.wav", make_wav(seed=3))
    )
    assert names(body) == ["a_1.wav", "a.wav", "a_2.wav"]


async def test_sessions_know_nothing_of_each_other(editor: httpx.AsyncClient, clean: Clean) -> None:
    bodies = [await uploaded(editor, ("a.wav", make_wav())) for _ in range(2)]
    assert [file["already_there"] for body in bodies for file in body["uploaded_files"]] == [False, False]
    await clean()


async def test_a_claimed_recording_is_not_taken_for_another_one(
    editor: httpx.AsyncClient, committed_database: Database, clean: Clean
) -> None:
    first = await uploaded(editor, ("a.wav", make_wav()))
    async with committed_database.transaction() as session:
        await session.execute(update(UploadedFile).values(claimed_at=utc_now()))
    second = await uploaded(editor, ("a.wav", make_wav()), session_id=first["upload_session_id"])
    [file] = second["uploaded_files"]
    assert (file["already_there"], file["stored_filename"]) == (False, "a.wav")
    await clean()


async def test_uploads_of_the_same_files_at_once_keep_each_once(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await uploaded(editor, ("first.wav", make_wav())))["upload_session_id"]
    files = [(f"{number}.wav", make_wav(seed=number)) for number in range(8)]
    bodies = await asyncio.gather(*(uploaded(editor, *files, session_id=session_id) for _ in range(2)))
    assert names(bodies[0]) == names(bodies[1]) == [name for name, _ in files]
    new = [file["id"] for body in bodies for file in body["uploaded_files"] if not file["already_there"]]
    assert len(new) == len(set(new)) == 8
    await clean()


async def test_uploads_of_other_files_of_the_same_name_at_once_get_suffixes(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await uploaded(editor, ("first.wav", make_wav())))["upload_session_id"]

    async def one(seed: int) -> list[str]:
        files = [("same.wav", make_wav(seed=seed * 10 + number)) for number in range(4)]
        return names(await uploaded(editor, *files, session_id=session_id))

    stored = [name for each in await asyncio.gather(one(1), one(2)) for name in each]
    assert sorted(stored) == sorted(["same.wav", *(f"same_{number}.wav" for number in range(1, 8))])
    await clean()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd.wav", "passwd.wav"),
        ("C:\\temp\\a.wav", "a.wav"),
        ("\u202efdp.wav", "fdp.wav"),
        ("a" * 251 + ".wav", "a" * 251 + ".wav"),
        ("…/..../a.wav", "a.wav"),
    ],
)
async def test_names_are_stored_without_folders_and_marks(
    editor: httpx.AsyncClient, name: str, stored: str
) -> None:
    assert names(await uploaded(editor, (name, make_wav()))) == [stored]


@pytest.mark.parametrize("name", ["..", "...", "../", " ", "a" * 256, "a" * 10_000, "\u202e", ""])
async def test_unusable_names_are_rejected(editor: httpx.AsyncClient, name: str, clean: Clean) -> None:
    body = (await send(editor, part("files[]", make_wav(), name), END)).json()
    assert [file["code"] for file in body["rejected"]] == ["unusable_filename"], body
    assert len(body["rejected"][0]["original_filename"]) <= 255
    assert (body["uploaded_files"], body["upload_session_id"], body["expires_at"]) == ([], None, None)
    await clean()


# What is rejected


async def test_each_file_is_rejected_on_its_own(editor: httpx.AsyncClient, clean: Clean) -> None:
    good = make_wav()
    body = await uploaded(
        editor,
        ("empty.mp3", b""),
        ("text.mp3", b"this is not audio at all"),
        ("short.mp3", b"\xff"),
        ("picture.wav", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("web.wav", b"RIFF" + bytes(4) + b"WEBP" + bytes(100)),
        ("flac.mp3", b"fLaC" + bytes(100)),
        ("ogg.mp3", b"OggS" + bytes(100)),
        ("adts.m4a", b"\xff\xf1" + bytes(100)),
        ("garbage.wav", b"RIFF" + bytes(4) + b"WAVE" + b"garbage" * 100),
        ("garbage.m4a", bytes(4) + b"ftypM4A " + b"garbage" * 100),
        ("good.wav", good),
        ("silent.wav", make_wav(gain=0)),
        ("clipped.wav", make_wav(gain=30)),
        ("too-long.wav", make_wav(301)),
        ("long-silent.wav", make_wav(60, gain=0)),
        ("long-garbage.wav", b"RIFF" + bytes(4) + b"WAVE" + b"garbage" * 300_000),
        ("large.wav", good + bytes(rules.MAX_RECORDING_BYTES)),
    )
    assert names(body) == ["good.wav"]
    assert codes(body) == {
        "empty.mp3": "empty_file",
        "text.mp3": "unsupported_audio",
        "short.mp3": "unsupported_audio",
        "picture.wav": "unsupported_audio",
        "web.wav": "unsupported_audio",
        "flac.mp3": "unsupported_audio",
        "ogg.mp3": "unsupported_audio",
        "adts.m4a": "unsupported_audio",
        "garbage.wav": "undecodable_audio",
        "garbage.m4a": "undecodable_audio",
        "silent.wav": "silent_audio",
        "clipped.wav": "clipped_audio",
        "too-long.wav": "audio_too_long",
        "long-silent.wav": "silent_audio",
        "long-garbage.wav": "undecodable_audio",
        "large.wav": "audio_too_large",
    }
    assert all(file["detail"].endswith(".") for file in body["rejected"])
    await clean()


async def test_ten_mebibytes_are_kept_and_a_byte_more_is_not(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    content = make_wav()
    monkeypatch.setattr("importer.commands.recordings.MAX_RECORDING_BYTES", len(content))
    body = await uploaded(editor, ("fits.wav", content), ("more.wav", content + b"x"))
    assert (names(body), codes(body)) == (["fits.wav"], {"more.wav": "audio_too_large"})
    await clean()


async def test_the_first_thousand_files_are_kept(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    monkeypatch.setattr("importer.commands.uploads.MAX_FILES_PER_REQUEST", 3)
    files = [(f"{number}.wav", make_wav(seed=number)) for number in range(5)]
    body = await uploaded(editor, files[0], ("no.wav", b"no"), *files[1:])
    assert names(body) == ["0.wav", "1.wav"]
    assert codes(body) == {
        "no.wav": "unsupported_audio",
        **dict.fromkeys(["2.wav", "3.wav", "4.wav"], "too_many_files"),
    }
    await clean()


# Archives


async def test_recordings_of_an_archive_are_kept(editor: httpx.AsyncClient, clean: Clean) -> None:
    content = make_archive(
        {
            "lesson/": b"",
            "lesson/a.wav": make_wav(seed=1),
            "other/a.wav": make_wav(seed=2),
            "again/a.wav": make_wav(seed=1),
            "../../b.mp3": make_recording("mp3"),
            "__MACOSX/lesson/._a.wav": b"x",
            "lesson/.DS_Store": b"x",
            "table.csv": b"audio_filename,text",
            "inner.zip": make_archive({"c.wav": make_wav(seed=3)}),
            "..": make_wav(),
        }
    )
    body = await uploaded(editor, ("audio.zip", content), ("d.wav", make_wav(seed=4)))
    assert names(body) == ["a.wav", "a_1.wav", "a.wav", "b.mp3", "d.wav"]
    assert [file["already_there"] for file in body["uploaded_files"]] == [False, False, True, False, False]
    assert codes(body) == {
        "table.csv": "unsupported_audio",
        "inner.zip": "unsupported_audio",
        "..": "unusable_filename",
    }
    await clean()


async def test_an_archive_is_recognised_by_content(editor: httpx.AsyncClient) -> None:
    content = make_archive({"a.wav": make_wav()})
    assert names(await uploaded(editor, ("audio.mp3", content))) == ["a.wav"]


async def test_files_before_the_damage_of_an_archive_are_kept(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    files = {f"{number}.wav": make_wav(seed=number) for number in range(4)}
    content = make_archive(files, compression=0)
    cut = content[: len(content) * 5 // 8]
    body = await uploaded(editor, ("cut.zip", cut), ("after.wav", make_wav(seed=9)))
    assert names(body) == ["0.wav", "1.wav", "after.wav"]
    assert codes(body) == {"2.wav": "incomplete_upload", "cut.zip": "unreadable_archive"}
    await clean()


async def test_bombs_and_encrypted_archives_are_rejected(editor: httpx.AsyncClient, clean: Clean) -> None:
    bomb = make_archive({"bomb.wav": make_wav() + bytes(100_000_000), "after.wav": make_wav()})
    encrypted = bytearray(make_archive({"a.wav": make_wav()}))
    encrypted[6] |= 1
    body = await uploaded(editor, ("bomb.zip", bomb), ("encrypted.zip", bytes(encrypted)))
    assert names(body) == []
    assert codes(body) == {
        "bomb.wav": "audio_too_large",
        "bomb.zip": "unreadable_archive",
        "encrypted.zip": "unreadable_archive",
    }
    await clean()


async def test_an_archive_with_more_than_a_thousand_files_is_kept_up_to_there(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    monkeypatch.setattr("importer.commands.uploads.MAX_FILES_PER_REQUEST", 3)
    content = make_archive({f"{number}.wav": make_wav(seed=number) for number in range(5)})
    body = await uploaded(
        editor, ("first.wav", make_wav(seed=9)), ("audio.zip", content), ("more.wav", make_wav())
    )
    assert names(body) == ["first.wav", "0.wav", "1.wav"]
    assert codes(body) == {"audio.zip": "too_many_files", "more.wav": "too_many_files"}
    await clean()


# Uploads that break off


FILES = [(f"{number}.wav", make_wav(seed=number)) for number in range(3)]
PARTS = [part("files[]", content, name) for name, content in FILES]


async def receive_until_disconnect(
    app: FastAPI, token: str, chunks: list[bytes], **headers: str
) -> list[Message]:
    """Send the chunks of a request without end, then go away. Returns what was answered."""
    waiting, answer = list(chunks), list[Message]()

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answer.append(message)

    sent = {**FORM, "Authorization": f"Bearer {token}", "Host": "test", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": AUDIO,
        "raw_path": AUDIO.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    return answer


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "209715200"}])
async def test_a_client_that_goes_away_leaves_its_complete_files(
    app: FastAPI,
    editor: httpx.AsyncClient,
    editor_id: UUID,
    token_for: TokenFor,
    clean: Clean,
    headers: dict[str, str],
) -> None:
    session_id = (await uploaded(editor, ("first.wav", make_wav(seed=9))))["upload_session_id"]
    field = part("upload_session_id", session_id.encode())
    chunks = [field, PARTS[0], PARTS[1], PARTS[2][: len(PARTS[2]) // 2]]
    answer = await receive_until_disconnect(app, token_for(editor_id, "editor"), chunks, **headers)
    assert answer[0]["status"] == 400
    await clean()
    session = (await editor.get(f"{UPLOADS}/{session_id}")).json()
    assert [file["stored_filename"] for file in session["files"]] == ["1.wav", "0.wav", "first.wav"]
    again = await uploaded(editor, *FILES, session_id=session_id)
    assert [file["already_there"] for file in again["uploaded_files"]] == [True, True, False]
    await clean()


async def test_two_hundred_megabytes_declared_and_one_byte_sent(
    app: FastAPI, editor: httpx.AsyncClient, editor_id: UUID, token_for: TokenFor, clean: Clean
) -> None:
    token = token_for(editor_id, "editor")
    answer = await receive_until_disconnect(app, token, [b"-"], **{"Content-Length": "209715200"})
    assert answer[0]["status"] == 400
    await clean()


async def test_an_upload_without_a_length_is_taken(editor: httpx.AsyncClient, clean: Clean) -> None:
    body = b"".join(PARTS) + END
    answer = await send(editor, *(body[start : start + 5000] for start in range(0, len(body), 5000)))
    assert answer.status_code == 200
    assert names(answer.json()) == ["0.wav", "1.wav", "2.wav"]
    await clean()


@pytest.mark.parametrize(
    "chunks",
    [
        [*PARTS[:2], f"--{BOUNDARY}\r\ngarbage".encode()],
        [*PARTS[:2], PARTS[2][:-100]],
        [*PARTS[:2], f"--{BOUNDARY}\r\n".encode()],
        [b"".join(PARTS[:2]) + f"--{BOUNDARY}\r\nno header\r\n\r\n".encode()],
    ],
)
async def test_complete_files_of_a_broken_form_are_kept(
    editor: httpx.AsyncClient, chunks: list[bytes], clean: Clean
) -> None:
    answer = await send(editor, *chunks)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_form")
    session = (await editor.get(f"{UPLOADS}/{answer.json()['upload_session_id']}")).json()
    assert [file["stored_filename"] for file in session["files"]] == ["1.wav", "0.wav"]
    await clean()


@pytest.mark.parametrize(
    ("chunks", "status", "code"),
    [
        ([b""], 400, "malformed_form"),
        ([b"garbage"], 400, "malformed_form"),
        ([PARTS[0].replace(b"parley", b"other!")], 400, "malformed_form"),
        ([END], 422, "validation_failed"),
        ([part("upload_session_id", b"x"), PARTS[0], END], 422, "validation_failed"),
        ([part("upload_session_id", b"\xff"), END], 400, "malformed_form"),
        ([part("upload_session_id", b"0" * 1000), END], 400, "malformed_form"),
        ([part("upload_session_id", str(uuid4()).encode()), PARTS[0], END], 404, "upload_session_not_found"),
        ([part("file", b"x", "a.wav"), END], 422, "unknown_field"),
        ([part("x" * 5000, b"x"), END], 422, "unknown_field"),
        ([part("dry_run", b"true"), PARTS[0], END], 422, "unknown_field"),
    ],
)
async def test_forms_without_a_file_change_nothing(
    editor: httpx.AsyncClient,
    committed_database: Database,
    chunks: list[bytes],
    status: int,
    code: str,
    clean: Clean,
) -> None:
    answer = await send(editor, *chunks)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "upload_session_id" not in answer.json()
    await clean()
    async with committed_database.transaction() as session:
        assert (await session.scalars(select(UploadSession))).all() == []


async def test_json_is_no_form(editor: httpx.AsyncClient) -> None:
    answer = await editor.post(AUDIO, json={})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_form")


async def test_garbage_after_the_form_is_ignored(editor: httpx.AsyncClient, clean: Clean) -> None:
    answer = await send(editor, *PARTS, END, b"garbage" * 1000)
    assert (answer.status_code, len(answer.json()["uploaded_files"])) == (200, 3)
    await clean()


async def test_a_session_that_is_named_after_the_files_undoes_the_upload(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await uploaded(editor, FILES[0]))["upload_session_id"]
    late = part("upload_session_id", session_id.encode())
    answer = await send(editor, *PARTS, late, END)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/upload_session_id")
    await clean()
    own = answer.json()["upload_session_id"]
    assert (await editor.get(f"{UPLOADS}/{own}")).json()["files"] == []
    # What was there before stays.
    answer = await send(editor, late, *PARTS, late, END)
    assert answer.status_code == 422
    await clean()
    files = (await editor.get(f"{UPLOADS}/{session_id}")).json()["files"]
    assert [file["stored_filename"] for file in files] == ["0.wav"]


async def test_a_stalled_upload_is_given_up(
    app: FastAPI,
    editor: httpx.AsyncClient,
    editor_id: UUID,
    token_for: TokenFor,
    monkeypatch: pytest.MonkeyPatch,
    clean: Clean,
) -> None:
    monkeypatch.setattr(api, "MAX_IDLE_SECONDS", 0.2)

    async def stalling() -> AsyncIterator[bytes]:
        yield PARTS[0]
        yield PARTS[1][:1000]
        await asyncio.sleep(5)

    answer = await editor.post(AUDIO, content=stalling(), headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
    await clean()


async def test_an_upload_that_takes_too_long_is_given_up(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    monkeypatch.setattr(api, "MAX_SECONDS", 1.5)

    async def slow() -> AsyncIterator[bytes]:
        yield PARTS[0] + PARTS[1][:100]
        for byte in PARTS[1][100:]:
            await asyncio.sleep(0.05)
            yield bytes([byte])

    answer = await editor.post(AUDIO, content=slow(), headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
    files = (await editor.get(f"{UPLOADS}/{answer.json()['upload_session_id']}")).json()["files"]
    assert [file["stored_filename"] for file in files] == ["0.wav"]
    await clean()


async def test_an_upload_whose_task_is_cancelled_leaves_nothing_half(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield PARTS[0]
        yield PARTS[1][:1000]
        await asyncio.sleep(5)

    task = asyncio.create_task(editor.post(AUDIO, content=stalling(), headers=FORM))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await clean()


@pytest.mark.parametrize("method", ["put_stream", "read_stream"])
async def test_without_storage_an_upload_is_unavailable_and_its_rest_is_left_to_the_worker(
    app: FastAPI,
    editor: httpx.AsyncClient,
    committed_database: Database,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    clean: Clean,
    method: str,
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("The audio storage does not answer.")

    monkeypatch.setattr(app.state.storage, method, fail)
    answer = await upload(editor, ("long.wav", make_wav(60)))
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    async with committed_database.transaction() as session:
        await session.execute(update(UploadedFile).values(created_at=utc_now() - timedelta(hours=2)))
    await purge_abandoned_files(committed_database, storage)
    await clean()
    assert await storage.list_keys() == []


# Shares


@asynccontextmanager
async def limited(
    settings: ApiSettings, token_for: TokenFor, editor_id: UUID, **limits: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Two editors' clients of an application with these limits."""
    app = create_app(settings.model_copy(update=limits))
    async with (
        api_client(app, token=token_for(editor_id, "editor")) as one,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://test",
            headers={"Authorization": f"Bearer {token_for(uuid4(), 'editor')}"},
        ) as other,
    ):
        yield one, other


@asynccontextmanager
async def stalled(editor: httpx.AsyncClient, count: int) -> AsyncIterator[None]:
    end = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield PARTS[0]
        await end.wait()
        yield END

    tasks = [asyncio.create_task(editor.post(AUDIO, content=body(), headers=FORM)) for _ in range(count)]
    await asyncio.sleep(0.3)
    try:
        yield
    finally:
        end.set()
        answers = await asyncio.gather(*tasks)
        assert {answer.status_code for answer in answers} == {200}


async def test_an_editors_third_upload_waits_and_leaves_room_for_others(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID
) -> None:
    async with limited(settings, token_for, editor_id, max_upload_wait_seconds=0.3) as (one, other):
        async with stalled(one, 2):
            answer = await upload(one, FILES[1])
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_uploads")
            assert int(answer.headers["Retry-After"]) > 0
            assert (await upload(other, FILES[1])).status_code == 200
        assert (await upload(one, FILES[1])).status_code == 200


async def test_a_process_receives_a_bounded_number_of_uploads(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID
) -> None:
    limits = {"max_uploads": 2, "max_upload_wait_seconds": 0.3}
    async with limited(settings, token_for, editor_id, **limits) as (one, other), stalled(one, 2):
        answer = await upload(other, FILES[1])
        assert (answer.status_code, answer.json()["code"]) == (503, "uploads_full")


async def test_an_editors_staged_files_are_bounded(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID, clean: Clean
) -> None:
    async with limited(settings, token_for, editor_id, max_user_files=3) as (one, other):
        first = await uploaded(one, *FILES)
        answer = await upload(one, ("more.wav", make_wav(seed=5)))
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_quota_exceeded")
        assert (await upload(other, FILES[0])).status_code == 200
        async with committed_database.transaction() as session:
            mine = UploadedFile.session_id == UUID(first["upload_session_id"])
            await session.execute(update(UploadedFile).where(mine).values(claimed_at=utc_now()))
        assert (await upload(one, ("more.wav", make_wav(seed=5)))).status_code == 200
    await clean()


async def test_an_editors_staged_bytes_are_bounded(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID
) -> None:
    async with limited(settings, token_for, editor_id, max_user_file_bytes=10_000) as (one, _):
        await uploaded(one, FILES[0])
        answer = await upload(one, FILES[1])
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_quota_exceeded")


# Sessions


@pytest.fixture
async def other(
    app: FastAPI, editor: httpx.AsyncClient, token_for: TokenFor
) -> AsyncIterator[httpx.AsyncClient]:
    """Another editor's client of the same application."""
    headers = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
    ) as client:
        yield client


async def test_a_session_is_for_all_to_see_and_for_its_owner_to_use(
    editor: httpx.AsyncClient, other: httpx.AsyncClient, editor_id: UUID, clean: Clean
) -> None:
    session_id = (await uploaded(editor, *FILES))["upload_session_id"]
    answer = await other.get(f"{UPLOADS}/{session_id}")
    assert (answer.status_code, answer.json()["owner_id"], len(answer.json()["files"])) == (
        200,
        str(editor_id),
        3,
    )
    assert [found["id"] for found in (await other.get(UPLOADS)).json()["upload_sessions"]] == [session_id]
    for refused in (
        await upload(other, FILES[0], session_id=session_id),
        await other.delete(f"{UPLOADS}/{session_id}"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_upload_session")
    await clean()


async def test_sessions_and_files_are_paged(
    editor: httpx.AsyncClient, other: httpx.AsyncClient, editor_id: UUID
) -> None:
    ids = [(await uploaded(editor, *FILES))["upload_session_id"] for _ in range(3)]
    await uploaded(other, FILES[0])
    page = (await editor.get(UPLOADS, params={"limit": 2, "owner_id": str(editor_id)})).json()
    assert [found["id"] for found in page["upload_sessions"]] == ids[:0:-1]
    assert [found["file_count"] for found in page["upload_sessions"]] == [3, 3]
    assert page["pagination"]["total"] == 3
    cursor = page["pagination"]["next_cursor"]
    page = (
        await editor.get(UPLOADS, params={"limit": 2, "owner_id": str(editor_id), "cursor": cursor})
    ).json()
    assert [found["id"] for found in page["upload_sessions"]] == ids[:1]
    files = (await editor.get(f"{UPLOADS}/{ids[0]}", params={"limit": 2})).json()
    assert (len(files["files"]), files["pagination"]["total"]) == (2, 3)
    cursor = files["pagination"]["next_cursor"]
    files = (await editor.get(f"{UPLOADS}/{ids[0]}", params={"limit": 2, "cursor": cursor})).json()
    assert [file["stored_filename"] for file in files["files"]] == ["0.wav"]


async def test_an_expired_session_takes_nothing(
    editor: httpx.AsyncClient, committed_database: Database, clean: Clean
) -> None:
    session_id = (await uploaded(editor, FILES[0]))["upload_session_id"]
    async with committed_database.transaction() as session:
        await session.execute(update(UploadSession).values(expires_at=utc_now() - timedelta(seconds=1)))
    answer = await upload(editor, FILES[1], session_id=session_id)
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_session_expired")
    await clean()


async def test_a_session_that_ends_during_an_upload_takes_no_further_file(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await uploaded(editor, FILES[0]))["upload_session_id"]

    async def body() -> AsyncIterator[bytes]:
        yield part("upload_session_id", session_id.encode())
        yield PARTS[1][:-1000]
        await asyncio.sleep(0.2)
        assert (await editor.delete(f"{UPLOADS}/{session_id}")).status_code == 204
        yield PARTS[1][-1000:] + END

    answer = await editor.post(AUDIO, content=body(), headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_session_expired")
    await clean()


async def test_only_editors_and_admins_upload(
    app: FastAPI, editor: httpx.AsyncClient, token_for: TokenFor
) -> None:
    calls = [
        ("POST", AUDIO),
        ("GET", UPLOADS),
        ("GET", f"{UPLOADS}/{uuid4()}"),
        ("DELETE", f"{UPLOADS}/{uuid4()}"),
    ]
    for method, path in calls:
        for token, status in ((token_for(uuid4(), "learner"), 403), ("", 401)):
            headers = {"Authorization": f"Bearer {token}"} if token else {"Authorization": ""}
            assert (await editor.request(method, path, headers=headers)).status_code == status, (method, path)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_session_that_does_not_exist(editor: httpx.AsyncClient, method: str) -> None:
    answer = await editor.request(method, f"{UPLOADS}/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "upload_session_not_found")
    assert (await editor.request(method, f"{UPLOADS}/x")).status_code == 422
