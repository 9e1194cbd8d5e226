"""How a stream of ids is cut into training windows."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Settings):
    """The shape of a training window and the way the windows follow each other."""

    group: ClassVar[str] = "batching"

    windows: Literal["streams", "successive"] = setting(
        "streams", help="Parallel streams with carried state, or the tutorial's successive windows without."
    )
    batch_size: int = setting(32, help="Number of rows in a window.", at_least=1, at_most=65_536)
    num_steps: int = setting(35, help="Number of time steps in a window.", at_least=1, at_most=65_536)
    skip_step: int | None = setting(
        None, help="Tokens between the starts of successive windows; num_steps where not given.", at_least=1
    )
