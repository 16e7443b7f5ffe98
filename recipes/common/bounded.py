"""Limits of time and memory for code that comes with a model, such as its chat template."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from recipes.common.protocol import StepFailed

_SECONDS = 10.0
_BYTES = 2 << 30


@contextmanager
def bounded(code: str, what: str, remedy: str, *, seconds: float = _SECONDS, memory: int = _BYTES) -> Iterator[None]:
    """Fail with `code` if the body takes longer than `seconds`, or `memory` bytes more than the process has.

    The limit of memory is the address space of the process, where the system has that limit. The limit of time applies
    in the main thread only, because signals do.
    """

    def expired(_signal: int, _frame: FrameType | None) -> None:
        raise StepFailed(code, f"{what} takes more than {seconds:g} s", remedy)

    in_main = threading.current_thread() is threading.main_thread()
    before = resource.getrlimit(resource.RLIMIT_AS)
    limited = _limit_memory(before, memory)
    handler = signal.signal(signal.SIGALRM, expired) if in_main else None
    try:
        if in_main:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    except (MemoryError, OverflowError) as error:
        raise StepFailed(code, f"{what} takes more than {memory / 2**30:g} GiB of memory", remedy) from error
    except RecursionError as error:
        raise StepFailed(code, f"{what} nests too deeply", remedy) from error
    finally:
        if in_main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
        if limited:
            resource.setrlimit(resource.RLIMIT_AS, before)


def _limit_memory(before: tuple[int, int], memory: int) -> bool:
    """Limit the address space. False if this system does not report it, or has a lower limit."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return False
    limit = pages * resource.getpagesize() + memory
    soft, hard = before
    if any(bound not in (resource.RLIM_INFINITY, -1) and bound <= limit for bound in (soft, hard)):
        return False
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    return True
