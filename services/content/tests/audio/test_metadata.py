import io
import wave

import pytest
from content.audio.metadata import UnknownAudioFormat, read_duration_ms


def wav(seconds: float) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(int(32_000 * seconds)))
    return content.getvalue()


def test_the_length_of_an_mp3(mp3: bytes) -> None:
    # 20 frames of 1,152 samples, 44,100 of them a second.
    assert read_duration_ms(mp3) == pytest.approx(522, abs=2)


def test_the_length_of_a_wav() -> None:
    assert read_duration_ms(wav(1.5)) == 1500


@pytest.mark.parametrize(
    "content", [b"", b"Is it far?", b"hello" * 1000, bytes(5000), wav(0), b"RIFF", b"ID3\x04"]
)
def test_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(UnknownAudioFormat):
        read_duration_ms(content)
