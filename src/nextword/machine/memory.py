"""Freed memory kept for the next training step instead of given back to the operating system.

Every step needs the same some hundred megabytes for its intermediate results. By default glibc returns blocks of that
size to the kernel as soon as they are free, and the next step pays for each page anew: 50,000 page faults a step for a
tied 2x512 model, a tenth of its time and more on a virtual machine.
"""

import ctypes
import os
from functools import cache

# Parameters of mallopt(3), from glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_ARENA_MAX = -8

_NO_LIMIT = 2**31 - 1


@cache
def keep_freed_memory() -> bool:
    """Let the allocator of this process keep what is freed, and return whether it does.

    One arena for all threads, never trimmed and never replaced by a mapping of its own. Call it before the training
    framework starts its threads. It does nothing where the allocator is not glibc's, or where the variable
    `NEXTWORD_KEEP_MEMORY` is 0.

    Source:
        mallopt(3).
    """
    if os.environ.get("NEXTWORD_KEEP_MEMORY") == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 - only glibc has it
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NO_LIMIT))
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)
