import shutil
from pathlib import Path

import pytest
from scoring.providers.pocketsphinx import espeak
from scoring.providers.pocketsphinx.grammar import PHONEMES

installed = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="eSpeak NG is not installed")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    espeak._to_ipa.cache_clear()


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of that name that does something else; the real one cannot be made to hang."""
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@installed
@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("zyzzyva", "Z IH Z IH V AH"),
        ("smartwatch", "S M AA R T W AA CH"),
        ("o'shaughnessy", "OW SH AO N AH S IY"),
    ],
)
def test_unknown_words_are_pronounced(word: str, phonemes: str) -> None:
    assert espeak.pronounce(word) == phonemes


@installed
@pytest.mark.parametrize("word", ["--version", "-w/tmp/x.wav", "$(id)", "`id`;", "a\nb"])
def test_a_word_is_never_an_option_or_a_command(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spoken = espeak.pronounce(word)
    assert spoken is None or set(spoken.split()) <= set(PHONEMES)
    assert not list(tmp_path.iterdir())


def test_every_sound_is_one_of_the_acoustic_model() -> None:
    assert {phoneme for sounds in espeak.ARPABET_BY_IPA.values() for phoneme in sounds.split()} == set(
        PHONEMES
    )


def test_without_the_program_a_word_stays_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert espeak.pronounce("zyzzyva") is None


@pytest.mark.parametrize("script", ["exit 1", "echo '???'", "true"])
def test_what_it_cannot_say_stays_unknown(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, script)
    assert espeak.pronounce("zyzzyva") is None


def test_it_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exec sleep 30")
    monkeypatch.setattr(espeak, "TIMEOUT_SECONDS", 0.1)
    with pytest.raises(espeak.EspeakTimeout):
        espeak.pronounce("zyzzyva")


def test_it_is_asked_once_for_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, f"echo x >>{tmp_path}/calls; echo hɛloʊ")
    assert [espeak.pronounce("helo") for _ in range(3)] == ["HH EH L OW"] * 3
    assert (tmp_path / "calls").read_text() == "x\n"
