import numpy as np
import pytest
from numpy.typing import NDArray
from tests.situations import Recordings


@pytest.fixture(scope="session")
def recordings(voice: NDArray[np.float32]) -> Recordings:
    return Recordings(voice, "The train leaves at seven in the morning.")
