"""Calls the functions of a user's metric: `python host.py FILE SHOWN SECONDS BYTES`.

Reads a request, one line of JSON, from file descriptor 3, and writes one line of JSON to file descriptor 4:
`["contribute", target, prediction]` or `["value", sums]` gives `{"result": …}` or `{"error": {…}}`. The first line
that it writes is the result of loading FILE. SHOWN is the path of FILE in messages.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

# Seconds that loading a file with its packages may take.
LOADING = 120


class TooSlow(BaseException):
    """A call exceeds its time limit. No Exception, so that a metric does not catch it by accident."""


def main() -> None:
    """Serves requests until the other side closes its end."""
    file, shown, seconds, memory = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    # A metric is one file: it imports packages of the environment and no files next to this one.
    del sys.path[0]
    _limit_memory(memory)
    signal.signal(signal.SIGALRM, _too_slow)
    functions: dict[str, Any] = {}

    def load() -> None:
        scope: dict[str, Any] = {"__name__": "metric", "__file__": shown}
        exec(compile(file.read_text(encoding="utf-8"), shown, "exec"), scope)
        for name in ("contribute", "value"):
            if not callable(scope.get(name)):
                raise AttributeError(f"the file defines no function {name}")
            functions[name] = scope[name]

    requests = os.fdopen(3, "rb")
    answers = os.fdopen(4, "wb", buffering=0)
    # What a metric prints is no answer.
    answers.write(_answer(load, (), shown, max(seconds, LOADING)))
    for line in requests:
        name, *arguments = json.loads(line)
        answers.write(_answer(functions[name], arguments, shown, seconds))


def _answer(function: Any, arguments: Any, shown: str, seconds: float) -> bytes:
    """The line that answers a request."""
    answer: dict[str, Any]
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        # Ends the process if native code does not return.
        signal.setitimer(signal.ITIMER_PROF, 2 * seconds + 1)
        try:
            answer = _result(function(*arguments))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        line = json.dumps(answer, default=_number)
    except TooSlow as error:
        line = json.dumps({"error": {**_described(error, shown), "slow": True}})
    except (Exception, SystemExit) as error:
        line = json.dumps({"error": _described(error, shown)})
    return line.encode() + b"\n"


def _result(result: Any) -> dict[str, Any]:
    """The answer with a result. JSON has no NaN and no infinity: the other side refuses their texts in a map."""
    if isinstance(result, dict):
        unusable = {name: str(value) for name, value in result.items() if not _is_finite(value)}
        return {"result": {**result, **unusable}}
    if _is_finite(result):
        return {"result": result}
    return {"result": None, "nan": True} if math.isnan(result) else {"result": str(result)}


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _number(value: Any) -> Any:
    """A number of NumPy as one of Python; anything else as text, which the other side refuses."""
    return value.item() if hasattr(value, "item") else repr(value)


def _described(error: BaseException, shown: str) -> dict[str, Any]:
    """Type, message, and the last line of the metric's file that the error passed."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == shown]
    if isinstance(error, SyntaxError):
        return {"type": "SyntaxError", "message": error.msg, "line": error.lineno}
    return {"type": type(error).__name__, "message": str(error), "line": lines[-1] if lines else None}


def _limit_memory(limit: int) -> None:
    """Limits the private memory of this process where the system can."""
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    except (OSError, ValueError):
        return


def _too_slow(_signal: int, _frame: Any) -> None:
    raise TooSlow


if __name__ == "__main__":
    main()
