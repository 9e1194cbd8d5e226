"""Runs the application under uvicorn."""

from pathlib import Path

import uvicorn

from nextword.engine.opening import EngineName, open_model
from nextword.serving.application import create_application
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.serving_settings import ServingSettings


def serve(path: Path, *, host: str, port: int, engine: EngineName, settings: ServingSettings) -> None:
    """Serve the model at a path until a signal ends the process."""
    loaded = open_model(path, engine)
    slot = ModelSlot(ServedModel(loaded, loaded.bundle, hash="0" * 64))
    uvicorn.run(create_application(slot, settings), host=host, port=port, log_level="warning")
