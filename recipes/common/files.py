"""Files of a step: JSON, JSON lines, and hard links."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_json(path: Path) -> dict[str, Any]:
    """The object in a UTF-8 JSON file."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a UTF-8 .jsonl file, one a line. Blank lines are skipped."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def count_rows(path: Path) -> int:
    """Number of lines of a .jsonl file that are not blank."""
    with path.open(encoding="utf-8") as lines:
        return sum(1 for line in lines if line.strip())


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy if the file system has no hard links. Nothing may write to
    either file afterwards. `target` is never partial: it is renamed into place."""
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    os.replace(partial, target)
