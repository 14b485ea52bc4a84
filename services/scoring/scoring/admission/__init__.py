"""Admission of recordings: per-learner shares, fair queues, and the memory limit."""

from scoring.admission.queue import FairQueue
from scoring.admission.shares import LearnerShares
from scoring.admission.uploads import UploadReservation, UploadRoom

__all__ = ["FairQueue", "LearnerShares", "UploadReservation", "UploadRoom"]
