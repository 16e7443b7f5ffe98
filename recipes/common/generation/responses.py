"""The rows of responses.jsonl, and a file of answers that survives a kill."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from recipes.common.files import read_rows

Row = dict[str, Any]


class Answers:
    """Answers by id. Each answer is appended to a file and flushed. Opening reads the answers of an earlier run, and
    removes a truncated last line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        complete: list[str] = []
        if path.exists():
            lines = path.read_bytes().splitlines(keepends=True)
            complete = [line.decode() for line in lines if line.endswith(b"\n")]
            path.write_text("".join(complete), encoding="utf-8")
        self._rows: dict[str, Row] = {row["id"]: row for row in map(json.loads, complete)}
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

    def add(self, row: Row) -> None:
        """Store an answer, unless there is one with its id."""
        if row["id"] in self._rows:
            return
        self._rows[row["id"]] = row
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()


def read_cases(path: Path) -> list[Row]:
    """Rows of eval.jsonl: {"id", "messages", "target"}."""
    return list(read_rows(path))


def sample_ids(id: str, samples: int | None) -> list[str]:
    """The ids of the answers to a case: its id, or with a vote its id and the number of each sample."""
    return [id] if samples is None else [f"{id}\t{sample}" for sample in range(samples)]


def write_responses(path: Path, ids: Iterable[str], answers: Answers, samples: int | None) -> None:
    """Write responses.jsonl in the order of the cases. If the answers have scores of labels, also write margins.jsonl
    next to it, as a classifier's: label -> 2 p - 1, with the mean probability of the samples of a vote."""
    scores: dict[str, list[Mapping[str, float]]] = {}
    with path.open("w", encoding="utf-8") as out:
        for id in ids:
            rows = [dict(answers[answer]) for answer in sample_ids(id, samples)]
            scores[id] = [row.pop("scores") for row in rows if "scores" in row]
            row = rows[0] if samples is None else _voted(id, rows)
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    if any(scores.values()):
        with path.with_name("margins.jsonl").open("w", encoding="utf-8") as out:
            for id, own in scores.items():
                out.write(json.dumps({"id": id, "margins": _margins(own)}, ensure_ascii=False) + "\n")


def _margins(scores: list[Mapping[str, float]]) -> dict[str, float]:
    """Margins above -1, as the classical baselines write them."""
    means = {label: sum(own[label] for own in scores) / len(scores) for label in scores[0]}
    return {label: round(2 * mean - 1, 6) for label, mean in means.items() if mean > 0}


def _voted(id: str, rows: list[Row]) -> Row:
    """One row for all samples of a case. The evaluation counts the votes; `text` holds all samples."""
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
