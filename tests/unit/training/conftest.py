from collections.abc import Iterator

import pytest

import nextword  # noqa: F401  # names the backend before a test file imports Keras


@pytest.fixture(scope="session", autouse=True)
def compiled_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what JAX compiles: these tests build the same few models many times over."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    kept = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled_programs")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    former = {name: getattr(jax.config, name) for name in kept}
    for settings in (kept, former):
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        if settings is kept:
            yield
