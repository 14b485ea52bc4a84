"""Uploads of recordings, as editors send them."""

import asyncio
import unicodedata
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from importer.models import AuditEntry, UploadedFile
from shared.audio.measurement import MAX_AUDIO_BYTES
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage
from sqlalchemy import select, update
from tests.sounds import make_recording, make_wav
from tests.uploading import (
    END,
    FILES,
    UPLOADS,
    Clean,
    build_part,
    list_codes,
    list_names,
    send,
    upload_and_parse,
)


async def test_recordings_of_all_formats_are_stored(
    editor: httpx.AsyncClient, storage: Storage, clean: Clean, committed_database: Database, editor_id: UUID
) -> None:
    files = [("a.wav", make_wav()), ("b.mp3", make_recording("mp3")), ("c.m4a", make_recording("m4a"))]
    body = await upload_and_parse(editor, *files)
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
    body = await upload_and_parse(editor, ("a.exe", make_wav()), ("b.wav", make_recording("mp3")))
    types = []
    for file in body["uploaded_files"]:
        url, _ = storage.presign(file["audio_key"])
        async with httpx.AsyncClient() as client:
            types.append((await client.get(url)).headers["content-type"])
    assert types == ["audio/wav", "audio/mpeg"]
    assert list_names(body) == ["a.exe", "b.wav"]


async def test_an_mp3_is_recognised_after_junk(editor: httpx.AsyncClient, clean: Clean) -> None:
    body = await upload_and_parse(editor, ("a.mp3", b"junk" * 2_000 + make_recording("mp3")))
    assert [file["format"] for file in body["uploaded_files"]] == ["mp3"], body
    await clean()


async def test_a_session_accepts_many_uploads(editor: httpx.AsyncClient, clean: Clean) -> None:
    first = await upload_and_parse(editor, ("a.wav", make_wav()))
    session_id = first["upload_session_id"]
    for field in ("files", "files[]"):
        second = await upload_and_parse(
            editor, (f"{field}.wav", make_wav(seed=len(field))), session_id=session_id, field=field
        )
        assert (second["upload_session_id"], second["expires_at"]) == (session_id, first["expires_at"])
    session = (await editor.get(f"{UPLOADS}/{session_id}")).json()
    assert [file["stored_filename"] for file in session["files"]] == ["files[].wav", "files.wav", "a.wav"]
    await clean()


async def test_a_recording_of_several_upload_parts_is_stored_whole(
    editor: httpx.AsyncClient, storage: Storage, clean: Clean
) -> None:
    content = make_wav(200)
    assert len(content) > 6_000_000
    body = await upload_and_parse(editor, ("long.wav", content))
    assert await storage.read(body["uploaded_files"][0]["audio_key"], max_bytes=10_000_000) == content
    await clean()


async def test_an_uploaded_file_is_recognised_when_sent_again(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    content = make_wav()
    first = await upload_and_parse(editor, ("Café.wav", content))
    decomposed = unicodedata.normalize("NFD", "CAFÉ.WAV")
    again = await upload_and_parse(
        editor, ("Café.wav", content), (decomposed, content), session_id=first["upload_session_id"]
    )
    assert [file["already_there"] for file in again["uploaded_files"]] == [True, True]
    assert {file["id"] for file in again["uploaded_files"]} == {first["uploaded_files"][0]["id"]}
    await clean()


async def test_an_uploaded_file_is_not_stored_again(
    app: FastAPI, editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = (await upload_and_parse(editor, *FILES))["upload_session_id"]

    async def fail(*_: Any, **__: Any) -> int:
        raise AssertionError

    monkeypatch.setattr(app.state.storage, "put_stream", fail)
    again = await upload_and_parse(editor, *FILES, session_id=session_id)
    assert all(file["already_there"] for file in again["uploaded_files"])


async def test_files_with_different_content_or_names_are_different_files(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    files = [("a.wav", make_wav(seed=seed)) for seed in (1, 2, 3)]
    body = await upload_and_parse(editor, *files, ("b.wav", make_wav(seed=1)), ("A.wav", make_wav(seed=4)))
    assert list_names(body) == ["a.wav", "a_1.wav", "a_2.wav", "b.wav", "A_3.wav"]
    assert not any(file["already_there"] for file in body["uploaded_files"])
    again = await upload_and_parse(editor, *files, session_id=body["upload_session_id"])
    assert list_names(again) == ["a.wav", "a_1.wav", "a_2.wav"]
    assert all(file["already_there"] for file in again["uploaded_files"])
    await clean()


async def test_a_suffix_used_by_another_file_is_skipped(editor: httpx.AsyncClient) -> None:
    body = await upload_and_parse(
        editor, ("a_1.wav", make_wav(seed=1)), ("a.wav", make_wav(seed=2)), ("a.wav", make_wav(seed=3))
    )
    assert list_names(body) == ["a_1.wav", "a.wav", "a_2.wav"]


async def test_sessions_do_not_share_files(editor: httpx.AsyncClient, clean: Clean) -> None:
    bodies = [await upload_and_parse(editor, ("a.wav", make_wav())) for _ in range(2)]
    assert [file["already_there"] for body in bodies for file in body["uploaded_files"]] == [False, False]
    await clean()


async def test_a_claimed_recording_is_not_reused(
    editor: httpx.AsyncClient, committed_database: Database, clean: Clean
) -> None:
    first = await upload_and_parse(editor, ("a.wav", make_wav()))
    async with committed_database.transaction() as session:
        await session.execute(update(UploadedFile).values(claimed_at=utc_now()))
    second = await upload_and_parse(editor, ("a.wav", make_wav()), session_id=first["upload_session_id"])
    [file] = second["uploaded_files"]
    assert (file["already_there"], file["stored_filename"]) == (False, "a.wav")
    await clean()


async def test_concurrent_uploads_of_the_same_files_store_each_once(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await upload_and_parse(editor, ("first.wav", make_wav())))["upload_session_id"]
    files = [(f"{number}.wav", make_wav(seed=number)) for number in range(8)]
    bodies = await asyncio.gather(
        *(upload_and_parse(editor, *files, session_id=session_id) for _ in range(2))
    )
    assert list_names(bodies[0]) == list_names(bodies[1]) == [name for name, _ in files]
    new = [file["id"] for body in bodies for file in body["uploaded_files"] if not file["already_there"]]
    assert len(new) == len(set(new)) == 8
    await clean()


async def test_concurrent_uploads_of_different_files_with_one_name_get_suffixes(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await upload_and_parse(editor, ("first.wav", make_wav())))["upload_session_id"]

    async def upload_four(seed: int) -> list[str]:
        files = [("same.wav", make_wav(seed=seed * 10 + number)) for number in range(4)]
        return list_names(await upload_and_parse(editor, *files, session_id=session_id))

    stored = [name for names in await asyncio.gather(upload_four(1), upload_four(2)) for name in names]
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
async def test_names_are_stored_without_folders_and_control_characters(
    editor: httpx.AsyncClient, name: str, stored: str
) -> None:
    assert list_names(await upload_and_parse(editor, (name, make_wav()))) == [stored]


@pytest.mark.parametrize("name", ["..", "...", "../", " ", "a" * 256, "a" * 10_000, "\u202e", ""])
async def test_unusable_names_are_rejected(editor: httpx.AsyncClient, name: str, clean: Clean) -> None:
    body = (await send(editor, build_part("files[]", make_wav(), name), END)).json()
    assert [file["code"] for file in body["rejected"]] == ["unusable_filename"], body
    assert len(body["rejected"][0]["original_filename"]) <= 255
    assert (body["uploaded_files"], body["upload_session_id"], body["expires_at"]) == ([], None, None)
    await clean()


async def test_files_are_rejected_independently(editor: httpx.AsyncClient, clean: Clean) -> None:
    valid = make_wav()
    body = await upload_and_parse(
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
        ("good.wav", valid),
        ("silent.wav", make_wav(gain=0)),
        ("clipped.wav", make_wav(gain=30)),
        ("too-long.wav", make_wav(301)),
        ("long-silent.wav", make_wav(60, gain=0)),
        ("long-garbage.wav", b"RIFF" + bytes(4) + b"WAVE" + b"garbage" * 300_000),
        ("large.wav", valid + bytes(MAX_AUDIO_BYTES)),
    )
    assert list_names(body) == ["good.wav"]
    assert list_codes(body) == {
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


async def test_a_recording_of_the_maximum_size_is_stored_and_a_larger_one_is_not(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    content = make_wav()
    monkeypatch.setattr("importer.commands.recordings.MAX_AUDIO_BYTES", len(content))
    body = await upload_and_parse(editor, ("fits.wav", content), ("more.wav", content + b"x"))
    assert (list_names(body), list_codes(body)) == (["fits.wav"], {"more.wav": "audio_too_large"})
    await clean()


async def test_the_first_thousand_files_are_kept(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    monkeypatch.setattr("importer.commands.uploads.MAX_FILES_PER_REQUEST", 3)
    files = [(f"{number}.wav", make_wav(seed=number)) for number in range(5)]
    body = await upload_and_parse(editor, files[0], ("no.wav", b"no"), *files[1:])
    assert list_names(body) == ["0.wav", "1.wav"]
    assert list_codes(body) == {
        "no.wav": "unsupported_audio",
        **dict.fromkeys(["2.wav", "3.wav", "4.wav"], "too_many_files"),
    }
    await clean()
