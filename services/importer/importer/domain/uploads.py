"""Rules for files of an upload session, and for their names."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast, get_args
from uuid import UUID

from shared.audio.formats import HEAD_BYTES, find_format
from shared.audio.measurement import MAX_AUDIO_BYTES

from importer.domain.filenames import add_suffix, to_name_key
from importer.types import AudioFormat, FileProblemCode

MAX_FILES_PER_REQUEST = 1000
SNIFFED_BYTES, ARCHIVE_MAGIC_BYTES = HEAD_BYTES, 4
AUDIO_FORMATS = get_args(AudioFormat)

# The same as scoring requires of learners' recordings.
MIN_LEVEL_DB = -60.0
MAX_CLIPPED_SHARE = 0.03

_DETAILS: dict[FileProblemCode, str] = {
    "empty_file": "The file is empty.",
    "audio_too_large": f"The recording is larger than {MAX_AUDIO_BYTES >> 20} MiB.",
    "unsupported_audio": "The file's content is not MP3, WAV or M4A.",
    "undecodable_audio": "The recording cannot be decoded.",
    "audio_too_long": "The recording is too long.",
    "silent_audio": "The recording is silent.",
    "clipped_audio": "The recording is clipped: its level was too high.",
    "unusable_filename": "The file has no usable name of at most 255 characters.",
    "too_many_files": f"A request accepts {MAX_FILES_PER_REQUEST} files; send this one in another.",
    "incomplete_upload": "The file was deleted while being uploaded; send it again.",
}


class FileRejected(Exception):
    """The file was rejected."""

    def __init__(self, code: FileProblemCode, detail: str = "") -> None:
        self.code, self.detail = code, detail or _DETAILS[code]
        super().__init__(self.detail)


def detect_format(head: bytes) -> AudioFormat | None:
    """Recognise a recording of an accepted format by its first SNIFFED_BYTES."""
    detected = find_format(memoryview(head))
    return (
        cast(AudioFormat, detected.format.name)
        if detected and detected.format.name in AUDIO_FORMATS
        else None
    )


def is_archive(head: bytes) -> bool:
    # The second signature is that of an archive without entries.
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def ensure_audible(*, level_db: float, clipped_share: float) -> None:
    """Raise FileRejected for a recording that is not audible."""
    if level_db < MIN_LEVEL_DB:
        raise FileRejected("silent_audio")
    if clipped_share > MAX_CLIPPED_SHARE:
        raise FileRejected("clipped_audio")


class NamedFile(NamedTuple):
    id: UUID
    original_filename: str


def find_same_file(name: str, with_same_content: Iterable[NamedFile]) -> UUID | None:
    """Return the file of the same content that was uploaded under the same name."""
    key = to_name_key(name)
    return next((file.id for file in with_same_content if to_name_key(file.original_filename) == key), None)


def list_names(name: str, *, start: int, size: int) -> Sequence[str]:
    """Return the name and its variants with suffixes, `size` in total; the first free one is used."""
    numbers = range(start, start + size)
    return [add_suffix(name, number) if number else name for number in numbers]


def to_display_name(name: str) -> str:
    """Return any name in displayable form."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name[:255])
