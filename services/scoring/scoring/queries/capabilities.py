from dataclasses import asdict

from shared.audio.formats import FORMATS

from scoring.providers import SpeechProvider
from scoring.schemas.capabilities import CapabilitiesRead


def get_capabilities(provider: SpeechProvider) -> CapabilitiesRead:
    return CapabilitiesRead(
        formats=[known.name for known in FORMATS],
        codecs={known.name: list(known.codecs) for known in FORMATS},
        **asdict(provider.capabilities),
    )
