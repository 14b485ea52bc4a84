"""Decides which recordings are taken: each learner's share, and the memory for all."""

from scoring.admission.shares import LearnerShares
from scoring.admission.uploads import UploadRoom

__all__ = ["LearnerShares", "UploadRoom"]
