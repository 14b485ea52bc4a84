"""Finds the pronunciations of a word in the dictionary, or by another spelling, its suffix or its letters."""

from dataclasses import dataclass
from functools import cache

from scoring.providers.offline.joint_model import JointModel, load_joint_model
from scoring.providers.offline.lexicon import Lexicon, load_lexicon
from scoring.providers.offline.phonemes import to_ids
from scoring.providers.offline.spellings import list_spellings
from scoring.providers.offline.suffixes import derive
from scoring.providers.offline.transcript import Pronunciation
from scoring.text.words import is_english

MAX_LETTERS = 40
EXTRA_PRONUNCIATIONS = {
    "h": ("HH EY CH",), "z": ("Z EH D",), "n": ("AH N",), "a": ("EY",), "the": ("DH IY",), "em": ("AH M",),
    "til": ("T IH L",), "wi": ("W AY",), "radian": ("R EY D IY AH N",), "radians": ("R EY D IY AH N Z",),
    "hertz": ("HH ER T S",), "prof": ("P R AA F",), "zloty": ("Z L AA T IY", "Z W AO T IY"),
    "hryvnia": ("HH R IH V N IY AH", "G R IH V N IY AH"), "yuan": ("Y UW AA N", "Y UW AE N"),
    "ms": ("M IH Z",), "nth": ("EH N TH",), "psst": ("P S T",), "phd": ("P IY EY CH D IY",), "hm": ("HH M",),
    "mm": ("M",), "mmm": ("M",), "sh": ("SH",), "brr": ("B ER",), "pfft": ("P F T",), "grr": ("G ER",),
    "tsk": ("T IH S K",), "zzz": ("Z",), "centiliters": ("S EH N T AH L IY T ER Z",), "nought": ("N AO T",),
    "celsius": ("S EH L S IY AH S",), "yolo": ("Y OW L OW",), "gif": ("G IH F", "JH IH F"),
    "covid": ("K OW V IH D",),
}  # fmt: skip
"""Pronunciations that the dictionary lacks."""


@dataclass(frozen=True)
class Pronouncer:
    lexicon: Lexicon
    joint_model: JointModel

    def find(self, word: str) -> tuple[Pronunciation, ...]:
        """Return the pronunciations of a word in lower case, or none if it is not in the Latin script."""
        if not is_english(word) or len(word) > MAX_LETTERS:
            return ()
        pronunciations = self._find_known(word) or derive(word, self._find_known)
        return pronunciations or self.joint_model.pronounce(word)

    def _find_known(self, word: str) -> tuple[Pronunciation, ...]:
        added = tuple(to_ids(sounds.split()) for sounds in EXTRA_PRONUNCIATIONS.get(word, ()))
        if pronunciations := self.lexicon.find(word) or self.lexicon.find(f"'{word}"):
            shortened = self.lexicon.find(f"{word}'") if word.endswith("in") else ()
            return tuple(dict.fromkeys((*pronunciations, *shortened, *added)))
        spelled = (self.lexicon.find(spelling) for spelling in list_spellings(word))
        return added or next(filter(None, spelled), ())


@cache
def load_pronouncer() -> Pronouncer:
    return Pronouncer(load_lexicon(), load_joint_model())
