from dataclasses import asdict

from scoring.providers import SpeechProvider
from scoring.schemas.capabilities import CapabilitiesRead


def get_capabilities(provider: SpeechProvider) -> CapabilitiesRead:
    return CapabilitiesRead(**asdict(provider.capabilities))
