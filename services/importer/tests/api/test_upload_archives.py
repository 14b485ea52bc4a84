"""Archives of recordings."""

import httpx
import pytest
from tests.sounds import make_archive, make_recording, make_wav
from tests.uploading import Clean, list_codes, list_names, upload_and_parse


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
    body = await upload_and_parse(editor, ("audio.zip", content), ("d.wav", make_wav(seed=4)))
    assert list_names(body) == ["a.wav", "a_1.wav", "a.wav", "b.mp3", "d.wav"]
    assert [file["already_there"] for file in body["uploaded_files"]] == [False, False, True, False, False]
    assert list_codes(body) == {
        "table.csv": "unsupported_audio",
        "inner.zip": "unsupported_audio",
        "..": "unusable_filename",
    }
    await clean()


async def test_an_archive_is_recognised_by_content(editor: httpx.AsyncClient) -> None:
    content = make_archive({"a.wav": make_wav()})
    assert list_names(await upload_and_parse(editor, ("audio.mp3", content))) == ["a.wav"]


async def test_files_before_the_damaged_part_of_an_archive_are_kept(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    files = {f"{number}.wav": make_wav(seed=number) for number in range(4)}
    content = make_archive(files, compression=0)
    cut = content[: len(content) * 5 // 8]
    body = await upload_and_parse(editor, ("cut.zip", cut), ("after.wav", make_wav(seed=9)))
    assert list_names(body) == ["0.wav", "1.wav", "after.wav"]
    assert list_codes(body) == {"2.wav": "incomplete_upload", "cut.zip": "unreadable_archive"}
    await clean()


async def test_bombs_and_encrypted_archives_are_rejected(editor: httpx.AsyncClient, clean: Clean) -> None:
    bomb = make_archive({"bomb.wav": make_wav() + bytes(100_000_000), "after.wav": make_wav()})
    encrypted = bytearray(make_archive({"a.wav": make_wav()}))
    encrypted[6] |= 1
    body = await upload_and_parse(editor, ("bomb.zip", bomb), ("encrypted.zip", bytes(encrypted)))
    assert list_names(body) == []
    assert list_codes(body) == {
        "bomb.wav": "audio_too_large",
        "bomb.zip": "unreadable_archive",
        "encrypted.zip": "unreadable_archive",
    }
    await clean()


async def test_the_first_thousand_files_of_an_archive_are_kept(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    monkeypatch.setattr("importer.commands.uploads.MAX_FILES_PER_REQUEST", 3)
    content = make_archive({f"{number}.wav": make_wav(seed=number) for number in range(5)})
    body = await upload_and_parse(
        editor, ("first.wav", make_wav(seed=9)), ("audio.zip", content), ("more.wav", make_wav())
    )
    assert list_names(body) == ["first.wav", "0.wav", "1.wav"]
    assert list_codes(body) == {"audio.zip": "too_many_files", "more.wav": "too_many_files"}
    await clean()
