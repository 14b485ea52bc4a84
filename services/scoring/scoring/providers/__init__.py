"""Speech providers."""

from scoring.providers.base import Capabilities, SpeechProvider

__all__ = ["Capabilities", "SpeechProvider"]
