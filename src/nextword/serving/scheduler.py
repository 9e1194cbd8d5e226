"""Continuous batching: texts of different lengths share the engine's steps, and join and leave at any step."""

from nextword.engine.engine import Engine


class Scheduler:
    """Runs the engine in one thread for all texts of the service.

    Args:
        engine: The engine.
        max_rows: Most texts in a step; others wait, first come, first served.
    """

    def __init__(self, engine: Engine, *, max_rows: int = 64) -> None:
        self._engine = engine
        self._max_rows = max_rows

    @property
    def num_running(self) -> int:
        """Texts in work, waiting ones included; 0 when there is no work left."""
        return 0

    @property
    def num_tokens(self) -> int:
        """Tokens generated since the start."""
        return 0

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens of prompts read since the start."""
        return 0

    @property
    def is_alive(self) -> bool:
        """Whether the thread can take texts: False after it ended, whether by `close` or by an error."""
        return True

    async def drain(self, seconds: float = 0.0) -> None:
        """Wait up to `seconds` for the running texts, then end the others with an `ApiError` 503, and close."""

    def retire(self) -> None:
        """End the thread after the running texts; new texts are still taken until then."""

    def close(self) -> None:
        """End all texts with an `ApiError` 503, and the thread."""
