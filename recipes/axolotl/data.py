"""Encoding of rows for axolotl. The rows are encoded before axolotl reads them, because training and generation must
use the same prompt tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, prompt_ids
from recipes.common.files import read_rows
from recipes.common.protocol import StepFailed
from recipes.common.training.failures import check_lengths

Encoded = Mapping[str, Any]
"""{"input_ids", "attention_mask", "labels"}: lists of equal length. Validation rows also have "id" and "target"."""


def encode_file(
    tokenizer: PreTrainedTokenizerBase, source: Path, target: Path, *, max_length: int, thinking: bool, with_ids: bool
) -> str:
    """Encode the rows of a .jsonl file into another one; returns the SHA-256 of what was written. The loss counts the
    target and its end token alone. `with_ids` adds "id" and "target" to each row."""
    lengths: list[tuple[str, int]] = []
    digest = hashlib.sha256()
    with target.open("w", encoding="utf-8") as out:
        for row in read_rows(source):
            ids, labels = encode_row(tokenizer, row, thinking)
            lengths.append((str(row["id"]), len(ids)))
            encoded = {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}
            line = json.dumps(encoded | ({"id": str(row["id"]), "target": row["target"]} if with_ids else {})) + "\n"
            digest.update(line.encode())
            out.write(line)
    check_lengths(lengths, max_length)
    return digest.hexdigest()


def check_prefixes(tokenizer: PreTrainedTokenizerBase, source: Path, encoded: Path, *, thinking: bool) -> None:
    """Fail with `prefix-mismatch` unless each encoded row masks exactly the prompt that generation starts from, and
    trains every token after it."""
    for row, encoded_row in zip(read_rows(source), read_rows(encoded), strict=True):
        prompt = prompt_ids(tokenizer, row["messages"], thinking)
        ids, labels = encoded_row["input_ids"], encoded_row["labels"]
        if (
            ids[: len(prompt)] != prompt
            or labels != [IGNORE] * len(prompt) + ids[len(prompt) :]
            or len(ids) == len(prompt)
        ):
            raise StepFailed(
                "prefix-mismatch", f"the training prompt of row {row['id']} is not the one that generation starts from"
            )


def check_rows(expected: Sequence[Encoded], trained: Sequence[Encoded]) -> None:
    """Fail unless the trainer's rows are the encoded rows. axolotl filters, truncates, merges and drops rows without an
    error."""
    if len(expected) != len(trained):
        raise StepFailed("rows-lost", f"axolotl trains on {len(trained)} of {len(expected)} rows")
    for number, (row, other) in enumerate(zip(expected, trained, strict=True), start=1):
        if any(list(row[key]) != list(other[key]) for key in ("input_ids", "labels")):
            raise StepFailed("rows-changed", f"axolotl changed the tokens or labels of training row {number}")
        if all(label == IGNORE for label in other["labels"]):
            raise StepFailed("no-label", f"the loss counts no token of training row {number}")
