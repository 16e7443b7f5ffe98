"""The rows of responses.jsonl, and how they outlive a generation that is killed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

Row = dict[str, Any]


class Answers:
    """Answers by id, each appended to a file and flushed as it comes. Opening it reads what an earlier run left; a last
    line that was cut off is taken out of the file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole: list[str] = []
        if path.exists():
            lines = path.read_bytes().splitlines(keepends=True)
            whole = [line.decode() for line in lines if line.endswith(b"\n")]
            path.write_text("".join(whole), encoding="utf-8")
        self._rows: dict[str, Row] = {row["id"]: row for row in map(json.loads, whole)}
        self.resumed = len(self._rows)
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, id: str) -> bool:
        return id in self._rows

    def __getitem__(self, id: str) -> Row:
        return self._rows[id]

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, row: Row) -> None:
        """Keeps a new answer; one that is there already stays as it is."""
        if row["id"] in self._rows:
            return
        self._rows[row["id"]] = row
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()


def read_cases(path: Path) -> list[Row]:
    """Rows of eval.jsonl: {"id", "messages", "target"}."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def sample_ids(id: str, samples: int | None) -> list[str]:
    """What the answers to one case are kept under: its id, or for a vote its id and the number of the sample."""
    return [id] if samples is None else [f"{id}\t{sample}" for sample in range(samples)]


def write_responses(path: Path, ids: Iterable[str], answers: Answers, samples: int | None) -> None:
    """Writes responses.jsonl in the order of the cases."""
    with path.open("w", encoding="utf-8") as out:
        for id in ids:
            rows = [answers[one] for one in sample_ids(id, samples)]
            row = rows[0] if samples is None else _voted(id, rows)
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _voted(id: str, rows: list[Row]) -> Row:
    """One row of several samples. The labels that win are counted where answers are read; `text` shows all of them."""
    return {
        "id": id,
        "text": "\n".join(row["text"] for row in rows),
        "prompt_tokens": rows[0]["prompt_tokens"],
        "new_tokens": sum(row["new_tokens"] for row in rows),
        "finish": "length" if all(row["finish"] == "length" for row in rows) else "stop",
        "samples": [_sample(row) for row in rows],
    }


def _sample(row: Mapping[str, Any]) -> Row:
    return {key: row[key] for key in ("text", "new_tokens", "finish", "logprob") if key in row}
