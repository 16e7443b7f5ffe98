"""The protocol between the runner and a Python step: request.json in, progress.jsonl and result.json out.

A step module ends with `main(run)`. The runner starts it as `python -m recipes.<module> REQUEST` in its own process
group, with an open pipe to stdin. When the pipe closes, because the runner has died or no longer needs the process, the
process group is killed.

A request can make the process `reusable`. After a successful step, a reusable process writes a line to descriptor 3 and
waits for a line on stdin with the path of the next request. The next step can use what the process has loaded, and its
output goes to its own log.

SIGINT or SIGTERM interrupts the step: `Step.stopping` becomes true, the step saves what a resume needs and raises
`Interrupted`. Standard output and standard error go to the step's log.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1

_NO_MEMORY = ("can't allocate memory", "not enough memory")


class StepFailed(Exception):
    """A failure that the user can act on: a stable code, what is wrong, and what to do."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


class Interrupted(Exception):
    """The step was interrupted, and what a resume needs is saved."""


@dataclass
class Step:
    """One request, with methods to report on it."""

    name: str
    params: dict[str, Any]
    """Parameters that are part of the cache key, and hints that are not."""
    inputs: dict[str, Path]
    """Logical name -> file or folder of an upstream step or a source."""
    local_paths: dict[str, Path]
    """Logical name -> file or folder on this machine that is not part of the cache key, such as the base model."""
    output: Path
    """Folder for the outputs."""
    work: Path
    """Folder for checkpoints. It exists until the step succeeds, so that a rerun can resume."""
    progress_path: Path
    cores: int
    evidence: dict[str, Any] = field(default_factory=dict)
    """Measurements such as device, peak memory and tokens. They are recorded, but are not part of the outputs."""
    stopping: bool = False
    """Whether the step is interrupted."""
    reusable: bool = False
    """Whether the process may run another step afterwards, so that loaded models should be kept."""
    result_path: Path | None = None
    _last: float = 0.0

    def progress(self, *, force: bool = False, **values: Any) -> None:
        """Append a progress line (done, total, unit, loss, validation_loss, tokens_per_second, seconds_left, message).
        Without `force`, at most five lines a second are written."""
        now = time.time()
        if not force and now - self._last < 0.2:
            return
        self._last = now
        with self.progress_path.open("a") as file:
            file.write(json.dumps({"at": now, **values}) + "\n")

    def fail(self, code: str, message: str, help: str | None) -> None:
        """Write a failed result and end the process immediately. For a thread, if the main thread cannot continue."""
        print(f"{code}: {message}", file=sys.stderr)
        if self.result_path is not None:
            failed = {"status": "failed", "code": code, "message": message, "help": help}
            write_json(self.result_path, {"schema": SCHEMA, **failed, "evidence": self.evidence})
        sys.stdout.flush()
        os._exit(1)

    def check_interrupt(self) -> None:
        """Raise `Interrupted` if the step is interrupted. Call it when all progress is saved."""
        if self.stopping:
            raise Interrupted


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically: it is flushed and renamed into place."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        json.dump(value, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out. torch has no error class for the memory of the CPU; its message
    contains "can't allocate memory" on Linux and "not enough memory" on Windows."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in _NO_MEMORY)
    )


def peak_memory() -> int:
    """Peak resident set size of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_requests: queue.Queue[Path] | None = None
"""Paths of requests from stdin; None before `end_with_parent`."""

_READY_DESCRIPTOR = 3
"""Descriptor to which a reusable process writes a line after each step."""


def end_with_parent() -> None:
    """Kill the process group when stdin is closed, and queue the requests that arrive there before. Does nothing if
    this process does not lead its group: it was then not started by the runner."""
    global _requests
    if _requests is not None or os.getpgrp() != os.getpid():
        return
    requests = _requests = queue.Queue()

    def watch() -> None:
        rest = b""
        try:
            while some := os.read(0, 4096):
                *lines, rest = (rest + some).split(b"\n")
                for line in lines:
                    requests.put(Path(os.fsdecode(line)))
        except OSError:
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main(run: Callable[[Step], Mapping[str, Any] | None]) -> None:
    """Run the step of the request on the command line and write its result.json, then further requests if the process
    is reusable. Exits with 1 if a step did not succeed."""
    end_with_parent()
    request_path = Path(sys.argv[1])
    while True:
        request = json.loads(request_path.read_text())
        ok = _run_step(run, request_path, request)
        sys.stdout.flush()
        if not ok or not request.get("reusable") or _requests is None:
            os._exit(0 if ok else 1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.write(_READY_DESCRIPTOR, b"\n")
        request_path = _requests.get()
        # The runner removes the working folder of a step that has ended.
        os.chdir(request_path.parent)
        _log_to(json.loads(request_path.read_text())["log"])


def _run_step(run: Callable[[Step], Mapping[str, Any] | None], request_path: Path, request: dict[str, Any]) -> bool:
    """Run the step of a request and write its result; returns whether it succeeded."""
    if request.get("schema") != SCHEMA:
        raise SystemExit(f"{request_path}: schema {request.get('schema')} is not {SCHEMA}")
    result_path = Path(request["result"])
    step = Step(
        name=request["step"],
        params=request["params"],
        inputs={name: Path(path) for name, path in request["inputs"].items()},
        local_paths={name: Path(path) for name, path in request["local_paths"].items()},
        output=Path(request["output"]),
        work=Path(request["work"]),
        progress_path=Path(request["progress"]),
        cores=int(request["cores"]),
        reusable=bool(request.get("reusable")),
        result_path=result_path,
    )

    def stop(_signal: int, _frame: object) -> None:
        step.stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    started = time.monotonic()
    try:
        more = run(step)
        result: dict[str, Any] = {"status": "ok"}
        step.evidence.update(more or {})
    except Interrupted:
        result = {"status": "interrupted"}
    except StepFailed as error:
        traceback.print_exc()
        result = {"status": "failed", "code": error.code, "message": error.message, "help": error.help}
    except Exception as error:
        traceback.print_exc()
        code = "out-of-memory" if is_out_of_memory(error) else "recipe-error"
        cause = f"{type(error).__name__}: {error}".splitlines()[0]
        result = {"status": "failed", "code": code, "message": cause, "help": None}
    step.evidence.setdefault("seconds", round(time.monotonic() - started, 3))
    step.evidence.setdefault("peak_memory", peak_memory())
    write_json(result_path, {"schema": SCHEMA, **result, "evidence": step.evidence})
    return bool(result["status"] == "ok")


def _log_to(path: str) -> None:
    """Redirect standard output and standard error to the log of another step."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
