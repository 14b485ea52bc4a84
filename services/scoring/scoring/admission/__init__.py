"""Admission of recordings: per-learner shares, fair queues, and the memory limit."""

from scoring.admission.queue import FairQueue
from scoring.admission.shares import LearnerShares
from scoring.admission.uploads import UploadMemory, UploadReservation

__all__ = ["FairQueue", "LearnerShares", "UploadMemory", "UploadReservation"]
