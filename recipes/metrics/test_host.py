"""The process that calls a user's metric."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOST = Path(__file__).with_name("host.py")


def served(file: Path, requests: list[Any], seconds: float = 10, memory: int = 2 * 10**9) -> list[Any]:
    """The answers of the host, the one about loading first."""
    read_requests, write_requests = os.pipe()
    read_answers, write_answers = os.pipe()

    def place() -> None:
        os.dup2(read_requests, 103)
        os.dup2(write_answers, 104)
        os.dup2(103, 3)
        os.dup2(104, 4)

    process = subprocess.Popen(
        [sys.executable, str(HOST), str(file), "m.py", str(seconds), str(memory)],
        preexec_fn=place,
        close_fds=False,
    )
    os.close(read_requests)
    os.close(write_answers)
    os.write(write_requests, "".join(f"{json.dumps(one)}\n" for one in requests).encode())
    os.close(write_requests)
    with os.fdopen(read_answers) as answers:
        lines = [json.loads(line) for line in answers]
    process.wait()
    return lines


def metric(folder: Path, contribute: str, value: str = "1.5", head: str = "") -> Path:
    """A metric whose functions return these expressions."""
    file = folder / "m.py"
    file.write_text(
        f"{head}\ndef contribute(target, prediction):\n    return {contribute}\n"
        f"def value(sums):\n    print('no answer')\n    return {value}\n"
    )
    return file


CALL = ["contribute", ["a"], None]


def test_results(tmp_path: Path) -> None:
    file = metric(tmp_path, '{"n": len(target), "none": int(prediction is None)}', "sums['n'] / 2")
    assert served(file, [CALL, ["value", {"n": 3}]]) == [
        {"result": None},
        {"result": {"n": 1, "none": 1}},
        {"result": 1.5},
    ]


def test_numbers_without_json(tmp_path: Path) -> None:
    file = metric(tmp_path, '{"a": float("inf"), "b": object}', 'float("nan")')
    _, contributed, value = served(file, [CALL, ["value", {}]])
    assert contributed["result"]["a"] == "inf"
    assert value == {"result": None, "nan": True}


@pytest.mark.parametrize(
    ("contribute", "head", "error"),
    [
        ("1 / 0", "", {"type": "ZeroDivisionError", "message": "division by zero", "line": 3}),
        ("[", "", {"type": "SyntaxError", "message": "'[' was never closed", "line": 3}),
        ("1", "import no_such_package", {"type": "ModuleNotFoundError", "line": 1}),
        ("1", "import host", {"type": "ModuleNotFoundError", "line": 1}),
        ("1", "del target", {"type": "NameError", "line": 1}),
        ("exit(3)", "", {"type": "SystemExit", "line": 3}),
    ],
)
def test_errors_name_the_line(tmp_path: Path, contribute: str, head: str, error: dict[str, Any]) -> None:
    answer = served(metric(tmp_path, contribute, head=head), [CALL])[-1]
    assert answer["error"] | error == answer["error"]


def test_a_missing_function(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("def contribute(target, prediction):\n    return {}\n")
    assert served(file, [])[0]["error"]["message"] == "the file defines no function value"


def test_a_slow_call_ends_with_its_line(tmp_path: Path) -> None:
    file = metric(tmp_path, "[None for _ in iter(int, 1)]")
    error = served(file, [CALL], seconds=0.2)[-1]["error"]
    assert (error["slow"], error["line"]) == (True, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not limit the data of a process")
def test_memory_is_limited(tmp_path: Path) -> None:
    file = metric(tmp_path, "bytearray(10**9)")
    assert served(file, [CALL], memory=5 * 10**8)[-1]["error"]["type"] == "MemoryError"
