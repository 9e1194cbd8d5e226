"""The continuous cache as a method: its settings can be tuned on the validation split."""

from collections.abc import Collection
from typing import ClassVar

from nextword.engine.engine import Engine
from nextword.engine.methods.method import AppliedMethod, Method, Splits
from nextword.engine.mixture.cache import NEEDS_HIDDEN, CacheOptions, CachePart
from nextword.engine.mixture.mixture_engine import MixtureEngine
from nextword.engine.mixture.tuning import CacheGrid, best_cache, read_with_caches
from nextword.errors import SettingError
from nextword.settings import Settings
from nextword.text.batching.window import TokenIds

_SIZES = (200, 500, 1000, 2000, 4000)
_THETAS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0)
_DECAYS = (0.0, 0.002, 0.004)
_MAX_TUNING_TOKENS = 2**15


class CacheEngine(MixtureEngine):
    """Mixes an engine with the continuous cache; see `nextword.engine.mixture.cache`.

    Args:
        engine: Any engine with hidden states.
        options: Size, theta, weight and sentinel.

    Example:
        >>> import nextword
        >>> CacheEngine(nextword.load("austen").network, CacheOptions(cache_size=50)).vocabulary_size
        9878
    """

    def __init__(self, engine: Engine, options: CacheOptions) -> None:
        super().__init__(engine, [CachePart(options)])


class Cache(Method[CacheOptions]):
    """The continuous cache; all its settings are tuned on a grid."""

    name = "cache"
    options_type: ClassVar[type[Settings]] = CacheOptions
    learns = True
    tunable = ("cache_size", "cache_theta", "cache_decay", "cache_weight", "cache_sentinel")

    def apply(
        self, engine: Engine, options: CacheOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[CacheOptions]:
        """Mix a cache with `engine`."""
        if to_tune:
            options = _tuned(engine, options, splits.valid()[:_MAX_TUNING_TOKENS], to_tune)
        return AppliedMethod(CacheEngine(engine, options), options)


def _tuned(engine: Engine, options: CacheOptions, ids: TokenIds, to_tune: Collection[str]) -> CacheOptions:
    sizes = [size for size in _SIZES if size > options.cache_delay] if "cache_size" in to_tune else [options.cache_size]
    thetas = _THETAS if "cache_theta" in to_tune else (options.cache_theta,)
    decays = _DECAYS if "cache_decay" in to_tune else (options.cache_decay,)
    own, trials, _ = read_with_caches(engine, ids[None], CacheGrid(sizes, thetas, decays, options.cache_delay))
    if not trials:
        raise SettingError(NEEDS_HIDDEN)
    weights = None if "cache_weight" in to_tune else (options.cache_weight,)
    sentinels = None if "cache_sentinel" in to_tune else (options.cache_sentinel,)
    best = best_cache(own, trials, weights=weights, sentinels=sentinels)[1]
    return best.replace(cache_delay=options.cache_delay)
