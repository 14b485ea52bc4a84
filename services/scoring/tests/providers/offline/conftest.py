import pytest
from scoring.providers.offline.decoder import Decoder
from scoring.providers.offline.encoder import Encoder
from scoring.providers.offline.evidence import EvidenceReader
from scoring.providers.offline.listener import SpeechModel
from scoring.providers.offline.model_files import ModelFiles, load_model_files


@pytest.fixture(scope="session")
def model_files() -> ModelFiles:
    return load_model_files()


@pytest.fixture(scope="session")
def speech_model(model_files: ModelFiles) -> SpeechModel:
    return SpeechModel.from_files(model_files)


@pytest.fixture(scope="session")
def encoder(speech_model: SpeechModel) -> Encoder:
    return speech_model.encoder


@pytest.fixture(scope="session")
def reader(speech_model: SpeechModel) -> EvidenceReader:
    return speech_model.evidence


@pytest.fixture(scope="session")
def decoder(reader: EvidenceReader) -> Decoder:
    return reader.decoder
