"""Read a bundle from the disk and start it, in a process that has done so before."""

import time
from typing import Any

from inference_ours import describe, open_bundle
from peer_protocol import Run, serve


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Say what is loaded."""

    def load() -> float:
        start = time.perf_counter()
        open_bundle(settings)
        return time.perf_counter() - start

    return describe(settings), lambda steps: {"load": [load() for _ in range(steps)]}


if __name__ == "__main__":
    serve(prepare)
