"""What every scenario of the serving benchmark gets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.inference.settings import ModelSize
from harness.serving.settings import LoadSettings, ScenarioSettings


@dataclass(frozen=True)
class Scene:
    """What a scenario gets.

    Attributes:
        folder: Where the models are.
        size: How large they are.
        settings: Lengths and sampling of the requests.
        scenario_settings: The load.
        timeout: Seconds within which a server must be ready.
        say: Receives messages about the progress.
    """

    folder: Path
    size: ModelSize
    settings: LoadSettings
    scenario_settings: ScenarioSettings
    timeout: float
    say: Callable[[str], None]
