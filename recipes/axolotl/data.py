"""Rows to token ids before axolotl sees them, so that what is trained begins with what generation begins with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, prompt_ids
from recipes.common.protocol import StepFailed

Encoded = Mapping[str, Any]
"""{"input_ids", "attention_mask", "labels"}, lists of equal length; validation rows also have "id" and "target"."""


def encode_file(
    tokenizer: PreTrainedTokenizerBase, source: Path, target: Path, *, max_length: int, thinking: bool, named: bool
) -> str:
    """Write the rows of a .jsonl file encoded, and return the digest of what was written. Only the answer and its end
    token count in the loss. A row that does not fit is an error: a cut answer teaches a false end, or none."""
    long: list[tuple[str, int]] = []
    digest = hashlib.sha256()
    count = 0
    with target.open("w", encoding="utf-8") as out:
        for row in _rows(source):
            ids, labels = encode_row(tokenizer, row, thinking)
            count += 1
            if len(ids) > max_length:
                long.append((str(row["id"]), len(ids)))
            encoded = {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}
            line = json.dumps(encoded | ({"id": str(row["id"]), "target": row["target"]} if named else {})) + "\n"
            digest.update(line.encode())
            out.write(line)
    if long:
        some = ", ".join(f"{id} ({length})" for id, length in long[:10]) + (" ..." if len(long) > 10 else "")
        raise StepFailed(
            "row-too-long",
            f"{len(long)} of {count} rows are longer than max_length {max_length} tokens: {some}",
            f"Set train.max_length to {max(length for _, length in long)}, or shorten these rows.",
        )
    return digest.hexdigest()


def check_prefixes(tokenizer: PreTrainedTokenizerBase, source: Path, encoded: Path, *, thinking: bool) -> None:
    """Fail unless every encoded row is, in what the loss ignores, exactly the prompt that generation starts from, and
    in the rest counts every token."""
    for row, ready in zip(_rows(source), read_encoded(encoded), strict=True):
        prompt = prompt_ids(tokenizer, row["messages"], thinking)
        ids, labels = ready["input_ids"], ready["labels"]
        if (
            ids[: len(prompt)] != prompt
            or labels != [IGNORE] * len(prompt) + ids[len(prompt) :]
            or len(ids) == len(prompt)
        ):
            raise StepFailed(
                "prefix-mismatch", f"the training prompt of row {row['id']} is not the one that generation starts from"
            )


def read_encoded(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that `encode_file` wrote."""
    return list(_rows(path))


def check_rows(expected: Sequence[Encoded], trained: Sequence[Encoded]) -> None:
    """Fail unless the trainer was given these very rows: axolotl filters, cuts, merges and drops without an error."""
    if len(expected) != len(trained):
        raise StepFailed("rows-lost", f"axolotl trains {len(trained)} of {len(expected)} rows")
    for number, (row, other) in enumerate(zip(expected, trained, strict=True), start=1):
        if any(list(row[key]) != list(other[key]) for key in ("input_ids", "labels")):
            raise StepFailed("rows-changed", f"axolotl changed the tokens or labels of training row {number}")
        if all(label == IGNORE for label in other["labels"]):
            raise StepFailed("no-label", f"no token of training row {number} would be learnt")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
