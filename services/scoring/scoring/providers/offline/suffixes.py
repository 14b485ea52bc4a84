"""Pronounces words with English prefixes and suffixes."""

from collections.abc import Callable, Iterator

from scoring.providers.offline.phonemes import to_ids
from scoring.providers.offline.transcript import Pronunciation

SIBILANTS = frozenset(to_ids(["S", "Z", "SH", "ZH", "CH", "JH"]))
VOICELESS = frozenset(to_ids(["P", "T", "K", "F", "TH"]))
UNVOICED = VOICELESS | frozenset(to_ids(["S", "SH", "CH"]))
DENTALS = frozenset(to_ids(["T", "D"]))
VOWEL_LETTERS = frozenset("aeiouy")
ENDINGS = {
    "ing": "IH NG", "er": "ER", "ers": "ER Z", "est": "AH S T", "ly": "L IY", "ness": "N AH S",
    "less": "L AH S", "ful": "F AH L", "fully": "F AH L IY", "ment": "M AH N T", "ments": "M AH N T S",
    "ish": "IH SH", "able": "AH B AH L", "like": "L AY K", "wise": "W AY Z", "ward": "W ER D",
    "ism": "IH Z AH M", "ist": "IH S T", "ists": "IH S T S", "ship": "SH IH P", "hood": "HH UH D",
    "some": "S AH M", "y": "IY", "ings": "IH NG Z", "proof": "P R UW F",
}  # fmt: skip
WORD_PREFIXES = {
    "un": "AH N", "non": "N AA N", "re": "R IY", "pre": "P R IY", "anti": "AE N T IY", "over": "OW V ER",
    "under": "AH N D ER", "super": "S UW P ER", "mis": "M IH S", "dis": "D IH S", "out": "AW T",
    "inter": "IH N T ER", "multi": "M AH L T IY", "micro": "M AY K R OW", "counter": "K AW N T ER",
    "semi": "S EH M IY", "sub": "S AH B", "ultra": "AH L T R AH", "kilo": "K IH L AH", "mega": "M EH G AH",
    "giga": "G IH G AH", "milli": "M IH L AH", "centi": "S EH N T AH",
}  # fmt: skip
MIN_STEM = 3

type Find = Callable[[str], tuple[Pronunciation, ...]]


def derive(word: str, find: Find) -> tuple[Pronunciation, ...]:
    """Pronounce a word derived from a known one, or return none. `find` looks up stems."""
    for stems, add in _list_stems(word):
        for stem in stems:
            if pronunciations := find(stem):
                return tuple(dict.fromkeys(add(sounds) for sounds in pronunciations))
    return ()


def _list_stems(word: str) -> Iterator[tuple[list[str], Callable[[Pronunciation], Pronunciation]]]:
    if "'" in word:
        yield from _list_apostrophes(word)
        return
    if word.endswith("s") and not word.endswith("ss"):
        yield _list_plurals(word), add_s
    if word.endswith("in"):
        yield [f"{word}g"], lambda sounds: (*sounds[:-1], *to_ids(["N"]))
    if word.endswith("ed"):
        yield _list_bases(word, "ed"), add_ed
    for ending, sounds in ENDINGS.items():
        if word.endswith(ending) and len(word) - len(ending) >= MIN_STEM:
            yield _list_bases(word, ending), _create_appender(to_ids(sounds.split()))
    for beginning, sounds in WORD_PREFIXES.items():
        if word.startswith(beginning) and len(word) - len(beginning) > MIN_STEM:
            yield [word.removeprefix(beginning)], _create_prepender(to_ids(sounds.split()))


def _list_apostrophes(word: str) -> Iterator[tuple[list[str], Callable[[Pronunciation], Pronunciation]]]:
    stem, _, ending = word.rpartition("'")
    endings = {"ll": "AH L", "ve": "AH V", "d": "D", "re": "ER", "m": "M"}
    if ending == "s":
        yield [stem], add_s
    elif ending in endings:
        yield [stem], _create_appender(to_ids(endings[ending].split()))
    yield [word.replace("'", "")], _keep


def _list_plurals(word: str) -> list[str]:
    stems = [word[:-1]]
    if word.endswith("ies"):
        stems.insert(0, word[:-3] + "y")
    elif word.endswith("ves"):
        stems.append(word[:-3] + "f")
    if word.endswith("es"):
        stems.append(word[:-2])
    return [stem for stem in stems if len(stem) >= 2]


def _list_bases(word: str, ending: str) -> list[str]:
    """Return possible base words of a suffixed word: making, running, happier."""
    stem = word.removesuffix(ending)
    if len(stem) < 2:
        return []
    bases = [stem]
    if ending[0] in VOWEL_LETTERS:
        bases.append(stem + "e")
        if stem[-1] == stem[-2] and stem[-1] not in VOWEL_LETTERS:
            bases.append(stem[:-1])
    if stem[-1] == "i":
        bases.append(stem[:-1] + "y")
    if ending == "ly" and word.endswith("bly"):
        bases.append(stem + "le")
    return bases


def add_s(sounds: Pronunciation) -> Pronunciation:
    if sounds[-1] in SIBILANTS:
        return (*sounds, *to_ids(["IH", "Z"]))
    return (*sounds, *to_ids(["S" if sounds[-1] in VOICELESS else "Z"]))


def add_ed(sounds: Pronunciation) -> Pronunciation:
    if sounds[-1] in DENTALS:
        return (*sounds, *to_ids(["IH", "D"]))
    return (*sounds, *to_ids(["T" if sounds[-1] in UNVOICED else "D"]))


def _create_appender(ending: Pronunciation) -> Callable[[Pronunciation], Pronunciation]:
    return lambda sounds: (*sounds, *ending)


def _create_prepender(beginning: Pronunciation) -> Callable[[Pronunciation], Pronunciation]:
    return lambda sounds: (*beginning, *sounds)


def _keep(sounds: Pronunciation) -> Pronunciation:
    return sounds
