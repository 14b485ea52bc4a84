from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A container, as clients call it, with FFmpeg's demuxer and the decoders that may be used for it."""

    name: str
    demuxer: str
    decoders: frozenset[str]


PCM = frozenset(
    f"pcm_{kind}" for kind in ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw")
)
XIPH = frozenset({"opus", "libopus", "vorbis", "libvorbis"})
WAV = Format("wav", "wav", PCM)
MP3 = Format("mp3", "mp3", frozenset({"mp3", "mp3float"}))
M4A = Format("m4a", "mov", frozenset({"aac"}))
AAC = Format("aac", "aac", frozenset({"aac"}))
OGG = Format("ogg", "ogg", XIPH)
FLAC = Format("flac", "flac", frozenset({"flac"}))
WEBM = Format("webm", "matroska", XIPH)
FORMATS = (WAV, MP3, M4A, AAC, OGG, FLAC, WEBM)


def detect_format(head: bytes) -> Format | None:
    """Recognize the format by the first twelve bytes of a file."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return WAV
    if head[4:8] == b"ftyp":
        return M4A
    for magic, found in ((b"OggS", OGG), (b"fLaC", FLAC), (b"\x1a\x45\xdf\xa3", WEBM), (b"ID3", MP3)):
        if head.startswith(magic):
            return found
    # MPEG audio frames start with eleven set bits; the layer bits are 01 for MP3 and 00 for AAC in ADTS.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return {0x02: MP3, 0x00: AAC}.get(head[1] & 0x06)
    return None
