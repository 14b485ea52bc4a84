"""Masks vulgar words in a transcript, unless the text contains them: a small recogniser makes mistakes, and
children read its output.
"""

import codecs
import re
from collections.abc import Set
from dataclasses import replace

from scoring.domain.scores import ScoringResult, WordScore

# In ROT13, so that they are not read by accident. An asterisk matches any letters.
_ENCODED = (
    "*shpx* nefr nefrubyr* nefrf nff nffrf nffubyr* onfgneq* ovgpu* oybjwbo* obyybpx* obare obbo "
    "obbovrf ohttre* ohyyfuvg* puvax pyvg pbpx pbpxfhpx* penc penccl phz phzfubg phag* "
    "qnza qvpx qvpxurnq* qvyqb* qvcfuvg* qhzonff* qlxr snt snttbg* tbqqnza* tbbx ubeal ubefrfuvg* "
    "wnpxnff* wvmm xvxr zvys avttn avttre cnxv cravf cravfrf cvff* cbea* chffvrf chffl ergneq ergneqrq "
    "frk frkl fuvg* fyhg fyhgg* fcvp gvg gvggvrf gvggl genaal gheq gjng gjngf intvan* jnax "
    "jnaxre* jnaxvat jnaxf juber* jbt"
)
_PATTERNS = codecs.decode(_ENCODED, "rot13").replace("*", "[a-z']*").split()
PROFANITY = re.compile(rf"(?:{'|'.join(_PATTERNS)})(?:(?<!s)'?s)?", re.IGNORECASE)


def mask_profanity(result: ScoringResult) -> ScoringResult:
    """Mask vulgar words with asterisks, unless they are in the reference text."""
    text = {word.word.lower() for word in result.words if word.error_type != "insertion"}
    recognized = " ".join(_mask(word, text) for word in result.recognized_text.split(" "))
    words = tuple(_mask_insertion(word, text) for word in result.words)
    return replace(result, recognized_text=recognized, words=words)


def _mask_insertion(word: WordScore, text: Set[str]) -> WordScore:
    return replace(word, word=_mask(word.word, text)) if word.error_type == "insertion" else word


def _mask(word: str, text: Set[str]) -> str:
    is_hidden = word.lower() not in text and PROFANITY.fullmatch(word.strip(".,!?"))
    return "*" * len(word) if is_hidden else word
