"""Containers by their content. FFmpeg must not guess: it also reads playlists, image sequences and text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A container by its public name, with FFmpeg's demuxer and the codecs it may contain."""

    name: str
    demuxer: str
    codecs: tuple[str, ...]

    @property
    def decoders(self) -> frozenset[str]:
        """FFmpeg's decoders of these codecs."""
        return frozenset[str]().union(*(CODECS[codec] for codec in self.codecs))


PCM_KINDS = (
    *("u8", "s8", "alaw", "mulaw", "f16le", "f24le"),
    *(f"{kind}{order}" for kind in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be")),
)
CODECS = {
    "pcm": frozenset(f"pcm_{kind}" for kind in PCM_KINDS),
    "mp3": frozenset({"mp3", "mp3float"}),
    "aac": frozenset({"aac"}),
    "alac": frozenset({"alac"}),
    "opus": frozenset({"opus", "libopus"}),
    "vorbis": frozenset({"vorbis", "libvorbis"}),
    "flac": frozenset({"flac"}),
}
"""FFmpeg's decoders by public codec name."""
ANY = tuple(CODECS)
WAV = Format("wav", "wav", ANY)
MP3 = Format("mp3", "mp3", ("mp3",))
M4A = Format("m4a", "mov", ANY)
AAC = Format("aac", "aac", ("aac",))
OGG = Format("ogg", "ogg", ANY)
FLAC = Format("flac", "flac", ("flac",))
WEBM = Format("webm", "matroska", ANY)
FORMATS = (WAV, MP3, M4A, AAC, OGG, FLAC, WEBM)

MAX_JUNK_BYTES = 64 * 1024
"""Searched for the first frame of MPEG audio, as players do."""
HEAD_BYTES = MAX_JUNK_BYTES + 16 * 1024
"""Enough of a recording to recognise it, unless it starts with a tag."""
ID3_HEADER_BYTES = 10

# MPEG-1 and MPEG-2 layer III: kbit/s by the four bits of the bit rate, and sample rates by version and index.
_MP3_KBITS = {3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)}
_MP3_KBITS |= dict.fromkeys((0, 2), (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160))
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True)
class FoundFormat:
    """A format, and the position in the content at which it begins."""

    format: Format
    start: int


def find_format(content: memoryview) -> FoundFormat | None:
    """Recognise a recording by its first bytes, skipping tags (ID3v2) and, for MPEG audio, junk."""
    start = _skip_tags(content)
    head = bytes(content[start : start + 12])
    if audio_format := _find_by_magic(head):
        return FoundFormat(audio_format, start)
    window = bytes(content[start : start + HEAD_BYTES])
    for offset in range(min(MAX_JUNK_BYTES, len(window) - 1)):
        # Eleven set bits begin a frame.
        if window[offset] == 0xFF and (audio_format := _find_frames(window, offset)):
            return FoundFormat(audio_format, start + offset)
    return FoundFormat(MP3, start) if start else None


def _skip_tags(content: memoryview) -> int:
    start = 0
    # The length of a tag has seven bits in each of four bytes.
    while bytes(content[start : start + 3]) == b"ID3" and len(content) >= start + ID3_HEADER_BYTES:
        size = 0
        for byte in content[start + 6 : start + ID3_HEADER_BYTES]:
            size = size << 7 | byte & 0x7F
        start += ID3_HEADER_BYTES + size
    return start


def _find_by_magic(head: bytes) -> Format | None:
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return WAV
    # Fragments for streaming may come without a file type.
    if head[4:8] in (b"ftyp", b"styp"):
        return M4A
    for magic, audio_format in ((b"OggS", OGG), (b"fLaC", FLAC), (b"\x1a\x45\xdf\xa3", WEBM)):
        if head.startswith(magic):
            return audio_format
    return None


def _find_frames(window: bytes, offset: int) -> Format | None:
    """Return the format of the frame that begins here, if another frame follows it."""
    for audio_format, measure in ((MP3, _measure_mp3_frame), (AAC, _measure_adts_frame)):
        length = measure(window[offset : offset + 6])
        if length and (
            offset + length >= len(window) or measure(window[offset + length : offset + length + 6])
        ):
            return audio_format
    return None


def _measure_mp3_frame(header: bytes) -> int:
    """Return the bytes of a frame of MPEG audio layer III (ISO 11172-3, 2.4.1.3), or 0 if it is not one."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, kbits, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or kbits in (0, 15) or rate == 3:
        return 0
    samples_per_byte = 144_000 if version == 3 else 72_000
    return samples_per_byte * _MP3_KBITS[version][kbits - 1] // _MP3_RATES[version][rate] + (
        header[2] >> 1 & 1
    )


def _measure_adts_frame(header: bytes) -> int:
    """Return the bytes of an ADTS frame (ISO 13818-7, 6.2), or 0 if it is not one."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
