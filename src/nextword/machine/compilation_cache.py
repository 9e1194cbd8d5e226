"""What JAX compiled, kept on disk for the next process."""

import hashlib
import platform
from pathlib import Path

_MOST_BYTES = 2**30


def use_compilation_cache(root: Path) -> Path | None:
    """Let JAX keep compiled functions under `root`, and return the folder; `None` where Keras runs on another backend.

    The folder is named after the processor's features, since machine code for one processor may not run on another
    that shares the home directory. The oldest entries go when it exceeds a gigabyte. A cache that the user has set up
    (`JAX_COMPILATION_CACHE_DIR`) is left as it is, and so is JAX when `root` cannot be written.
    """
    import keras

    if keras.backend.backend() != "jax":
        return None
    import jax

    if jax.config.jax_compilation_cache_dir:
        return Path(jax.config.jax_compilation_cache_dir)
    folder = root / "compiled" / f"jax-{jax.__version__}-{_processor_key()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", _MOST_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    return folder


def _processor_key() -> str:
    """Return a short name for what this processor can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = [platform.processor()]
    features = {
        line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features", "model name"))
    }
    return hashlib.sha256("\n".join([platform.machine(), *sorted(features)]).encode()).hexdigest()[:12]
