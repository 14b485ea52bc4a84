from scoring.audio.buffer import WipingBuffer


def test_outgrown_buffers_are_overwritten() -> None:
    buffer = WipingBuffer()
    buffer.append(memoryview(b"voice"))
    outgrown = buffer._data
    buffer.append(memoryview(bytes(400_000)))
    assert bytes(buffer.view()[:5]) == b"voice"
    assert not any(outgrown)
