"""How `exp` talks with a Python step: request.json in; progress.jsonl and result.json out.

A step module calls `main(run)` at its end. The runner starts it as
`python -m recipes.<module> REQUEST` in a process group of its own, with a pipe on stdin that it keeps open:
when the pipe closes, the runner has died, or needs the process no more, and the group ends itself.

A request may ask that the process `stays`: once it has answered well, it says so on descriptor 3, and the next line on
stdin names the next request, which it can answer with what it has loaded. Its output then goes to that one's log.

SIGINT or SIGTERM asks the step to stop: `Step.stopping` turns true, the step saves what a resume needs and
raises `Interrupted`. Standard output belongs to the libraries; it goes to the step's log.
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


class StepFailed(Exception):
    """A failure that the user can act on: a stable code, what happened, and what to do."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


class Interrupted(Exception):
    """The runner asked the step to stop, and what a resume needs has been saved."""


@dataclass
class Step:
    """One request: what to do, with which files, where to write, and how to report."""

    name: str
    params: dict[str, Any]
    """The parameters that the step's key holds."""
    inputs: dict[str, Path]
    """Upstream files and sources, by logical name."""
    local_paths: dict[str, Path]
    """Where weights and the like lie on this machine."""
    output: Path
    """Staging folder for the declared outputs."""
    work: Path
    """Kept until the step has succeeded: checkpoints."""
    progress_path: Path
    cores: int
    evidence: dict[str, Any] = field(default_factory=dict)
    """Kept beside the step's key: device, peak memory, tokens."""
    stopping: bool = False
    stays: bool = False
    """Whether the process may be asked for another step of the same kin: then what is loaded is worth keeping."""
    result_path: Path | None = None
    _last: float = 0.0

    def progress(self, *, force: bool = False, **values: Any) -> None:
        """Append one progress line (done, total, unit, loss, tokens_per_second, seconds_left, message), at most
        five a second unless `force`."""
        now = time.time()
        if not force and now - self._last < 0.2:
            return
        self._last = now
        with self.progress_path.open("a") as file:
            file.write(json.dumps({"at": now, **values}) + "\n")

    def fail(self, code: str, message: str, help: str | None) -> None:
        """Answer with a failure and end this process now: for a thread that sees that the step can never end."""
        print(f"{code}: {message}", file=sys.stderr)
        if self.result_path is not None:
            failed = {"status": "failed", "code": code, "message": message, "help": help}
            write_json(self.result_path, {"schema": SCHEMA, **failed, "evidence": self.evidence})
        sys.stdout.flush()
        os._exit(1)

    def check_interrupt(self) -> None:
        """Raise `Interrupted` if the runner asked the step to stop. Call it where nothing is lost."""
        if self.stopping:
            raise Interrupted


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is either absent or whole."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        json.dump(value, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_asked: queue.Queue[Path] | None = None
"""Requests that have come on stdin; None until somebody listens."""

_ANSWERS = 3
"""Descriptor on which a process that stays says that it has answered."""


def end_with_parent() -> None:
    """End the whole process group once the runner's end of stdin is closed, and take the requests that come there until
    then. By hand, without a group of our own, nothing is watched."""
    global _asked
    if _asked is not None or os.getpgrp() != os.getpid():
        return
    asked = _asked = queue.Queue()

    def watch() -> None:
        rest = b""
        try:
            while some := os.read(0, 4096):
                *lines, rest = (rest + some).split(b"\n")
                for line in lines:
                    asked.put(Path(os.fsdecode(line)))
        except OSError:
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main(run: Callable[[Step], Mapping[str, Any] | None]) -> None:
    """Run one step as the runner asked and answer in result.json, then those that it asks for besides; the process's
    exit code says nothing more."""
    end_with_parent()
    request_path = Path(sys.argv[1])
    while True:
        request = json.loads(request_path.read_text())
        ok = _answer(run, request_path, request)
        sys.stdout.flush()
        if not ok or not request.get("stays") or _asked is None:
            os._exit(0 if ok else 1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.write(_ANSWERS, b"\n")
        request_path = _asked.get()
        # The folder that this process was started in goes once its step has ended.
        os.chdir(request_path.parent)
        _log_to(json.loads(request_path.read_text())["log"])


def _answer(run: Callable[[Step], Mapping[str, Any] | None], request_path: Path, request: dict[str, Any]) -> bool:
    """Runs the step of a request; whether it went well."""
    if request.get("schema") != SCHEMA:
        raise SystemExit(f"{request_path}: schema {request.get('schema')}, this recipe speaks {SCHEMA}")
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
        stays=bool(request.get("stays")),
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
    except MemoryError as error:
        traceback.print_exc()
        result = {"status": "failed", "code": "out-of-memory", "message": f"out of memory: {error}", "help": None}
    except Exception as error:
        traceback.print_exc()
        cause = f"{type(error).__name__}: {error}".splitlines()[0]
        result = {"status": "failed", "code": "recipe-error", "message": cause, "help": None}
    step.evidence.setdefault("seconds", round(time.monotonic() - started, 3))
    step.evidence.setdefault("peak_memory", peak_memory())
    write_json(result_path, {"schema": SCHEMA, **result, "evidence": step.evidence})
    return bool(result["status"] == "ok")


def _log_to(path: str) -> None:
    """What is printed from here on goes to the log of another step."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
