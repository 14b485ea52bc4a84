import numpy as np
from scoring.providers.offline.transformer import (
    HEADS,
    MAX_POSITIONS,
    PADDING,
    Inputs,
    Outputs,
    Weights,
    run_transformer,
)

WIDTH, LAYERS, TOKENS, WHOLE = 2 * HEADS, 2, 5, 3


def make_weights() -> Weights:
    random = np.random.default_rng(1)
    sizes = {"input": (TOKENS, WIDTH), "attention": (WIDTH, 1)}
    for name, inside, outside in (("phonemes", WIDTH, 1), ("words", 2 * WIDTH, 3)):
        sizes |= {f"{name}.hidden": (inside, 6), f"{name}.output": (6, outside)}
    sizes |= {"reading.hidden": (2 * WIDTH + WHOLE + 4, 6), "reading.output": (6, 5)}
    norms = ["final"]
    for layer in range(LAYERS):
        start = f"layer{layer}"
        sizes |= {f"{start}.attention": (WIDTH, 3 * WIDTH), f"{start}.joined": (WIDTH, WIDTH)}
        sizes |= {f"{start}.wide": (WIDTH, 9), f"{start}.narrow": (9, WIDTH)}
        norms += [f"{start}.before", f"{start}.between"]
    weights = {f"{name}.weight": random.normal(0, 0.5, size) for name, size in sizes.items()}
    weights |= {f"{name}.bias": random.normal(0, 0.5, size[1]) for name, size in sizes.items()}
    weights |= {f"{name}.scale": random.normal(1, 0.1, WIDTH) for name in norms}
    weights |= {f"{name}.shift": random.normal(0, 0.1, WIDTH) for name in norms}
    return weights | {
        "phoneme": random.normal(size=(40, WIDTH)),
        "position": random.normal(size=(MAX_POSITIONS, WIDTH)),
    }


WEIGHTS = make_weights()


def make_inputs(words: list[int]) -> Inputs:
    random = np.random.default_rng(2)
    count = len(words)
    tokens = random.normal(size=(count, TOKENS))
    return Inputs(tokens, np.arange(count) % 40, np.array(words), random.normal(size=WHOLE))


def run(inputs: Inputs, word_count: int) -> Outputs:
    return run_transformer(WEIGHTS, inputs, word_count, layers=LAYERS)


def test_phonemes_words_and_reading_are_scored() -> None:
    outputs = run(make_inputs([-1, 0, 0, 1, -1, 2]), 3)
    assert [np.shape(output) for output in outputs] == [(6,), (3, 3), (5,)]


def test_padding_changes_nothing() -> None:
    """Training pads readings to the same length; the service does not."""
    unpadded = make_inputs([-1, 0, 0, 1, -1, 2])
    padded = Inputs(
        np.pad(unpadded.tokens, ((0, 4), (0, 0)), constant_values=9),
        np.pad(unpadded.phonemes, (0, 4)),
        np.pad(unpadded.words, (0, 4), constant_values=PADDING),
        unpadded.utterance,
    )
    expected, result = run(unpadded, 3), run(padded, 5)
    np.testing.assert_allclose(result.phonemes[:6], expected.phonemes, rtol=1e-9)
    np.testing.assert_allclose(result.words[:3], expected.words, rtol=1e-9)
    np.testing.assert_allclose(result.reading, expected.reading, rtol=1e-9)


def test_readings_longer_than_the_table_of_positions_are_scored() -> None:
    outputs = run(make_inputs(list(np.arange(MAX_POSITIONS + 40) // 3)), 67)
    assert np.isfinite(outputs.reading).all()
