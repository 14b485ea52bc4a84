"""Decides which recordings are taken, and when: each learner's share, turns, and the memory for all."""

from scoring.admission.queue import FairQueue
from scoring.admission.shares import LearnerShares
from scoring.admission.uploads import UploadReservation, UploadRoom

__all__ = ["FairQueue", "LearnerShares", "UploadReservation", "UploadRoom"]
