"""Rows to batches: encoded once, ordered by a seed, grouped by length, the shared prompt factored out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.protocol import StepFailed

_BATCHES_SORTED_TOGETHER = 16


@dataclass(frozen=True)
class Example:
    """One encoded row; the answer (target and end token) starts at `start`."""

    ids: list[int]
    start: int
    id: str = ""
    target: str = ""


def open_tokenizer(model_dir: str) -> PreTrainedTokenizerBase:
    """The model's own tokenizer (a torchtune component): torchtune's tokenizers know neither the model's chat template
    nor its think block, and mask the end token once a maximum length is set."""
    return load_tokenizer(Path(model_dir))


def load_examples(
    tokenizer: PreTrainedTokenizerBase, file: str, max_length: int, thinking: bool = False
) -> list[Example]:
    """All rows of a .jsonl file, encoded (a torchtune component). A row that does not fit is an error: a cut answer
    teaches a false end, or none."""
    examples: list[Example] = []
    long: list[tuple[str, int]] = []
    with Path(file).open(encoding="utf-8") as lines:
        for line in lines:
            if not line.strip():
                continue
            row = json.loads(line)
            ids, labels = encode_row(tokenizer, row, thinking)
            start = next(i for i, label in enumerate(labels) if label != IGNORE)
            examples.append(Example(ids, start, str(row["id"]), row["target"]))
            if len(ids) > max_length:
                long.append((str(row["id"]), len(ids)))
    if long:
        named = ", ".join(f"{id} ({length})" for id, length in long[:10]) + (" ..." if len(long) > 10 else "")
        raise StepFailed(
            "row-too-long",
            f"{len(long)} of {len(examples)} rows are longer than max_length {max_length} tokens: {named}",
            f"Set train.max_length to {max(length for _, length in long)}, or shorten these rows.",
        )
    return examples


def accumulation_of(rows: int, accumulation: int, ranks: int = 1) -> int:
    """Batches of an optimiser step: as many as asked for, or as there are rows, in equal shares for the ranks."""
    return max(1, min(accumulation, rows) // ranks * ranks)


def steps_per_epoch(rows: int, batch_size: int, accumulation: int, ranks: int = 1) -> int:
    """Optimiser steps that one pass over the rows takes. Every row is used in every epoch."""
    accumulation = accumulation_of(rows, accumulation, ranks)
    return len(_batch_sizes(rows, batch_size, accumulation)) // accumulation


class Batches:
    """The batches of one epoch after another, in an order that depends on the seed and the epoch alone: torchtune's
    recipes seed their sampler with 0 whatever the config says.

    It stands where torchtune's recipe expects a data loader and its sampler. `skip` leaves out that many batches of
    the next pass, so that a resumed epoch goes on where it stopped. With several ranks the batches of a step are dealt
    out in turn: a step learns from the same rows however many there are.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        batch_size: int,
        accumulation: int,
        pad: int,
        seed: int | None,
        *,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Without a seed, the rows come in the order of their lengths (validation)."""
        self._rank, self._ranks = rank, ranks
        self._examples = examples
        self._pad = pad
        self._seed = seed
        self._sizes = _batch_sizes(len(examples), batch_size, accumulation)
        self._epoch = 0
        self.skip = 0
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._sizes) // self._ranks

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        start, self.skip = self.skip * self._ranks, 0
        order = self.order()
        for first in range(start, len(order), self._ranks):
            together = [[self._examples[row] for row in rows] for rows in order[first : first + self._ranks]]
            batch = collate(together.pop(self._rank), self._pad)
            for example in (each for rows in together for each in rows):
                labels = torch.tensor([example.ids[example.start :]])
                batch["labels"] = torch.cat([batch["labels"], labels], dim=1)
                batch["seen"] += len(example.ids)
            yield batch

    def order(self) -> list[list[int]]:
        """Row indices of each batch of this epoch: shuffled, sorted by length within a few batches to waste little on
        padding, and the batches shuffled again."""
        lengths = [len(example.ids) for example in self._examples]
        if self._seed is None:
            return _cut(sorted(range(len(lengths)), key=lambda row: -lengths[row]), self._sizes)
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        rows = torch.randperm(len(lengths), generator=random).tolist()
        sizes = [self._sizes[i] for i in torch.randperm(len(self._sizes), generator=random).tolist()]
        batches: list[list[int]] = []
        for first in range(0, len(sizes), _BATCHES_SORTED_TOGETHER):
            some = sizes[first : first + _BATCHES_SORTED_TOGETHER]
            taken, rows = rows[: sum(some)], rows[sum(some) :]
            batches += _cut(sorted(taken, key=lambda row: lengths[row]), some)
        return [batches[i] for i in torch.randperm(len(batches), generator=random).tolist()]


def collate(examples: Sequence[Example], pad: int) -> dict[str, Tensor]:
    """One batch, laid out as `decoder.Layout` says.

    tokens [1, prefix + rows * width]; layout [prefix, rows, width]; answers [m], the positions whose next token is
    trained; labels [1, m], those tokens; seen, the rows' tokens without padding. Where batches are dealt out to ranks,
    the others' labels follow in labels and their tokens count in seen.
    """
    prefix = _shared_prefix(examples)
    width = max(len(example.ids) for example in examples) - prefix
    tokens = list(examples[0].ids[:prefix])
    answers: list[int] = []
    labels: list[int] = []
    for example in examples:
        offset = len(tokens) - prefix
        own = example.ids[prefix:]
        tokens += own + [pad] * (width - len(own))
        answers += range(offset + example.start - 1, offset + len(example.ids) - 1)
        labels += example.ids[example.start :]
    return {
        "tokens": torch.tensor([tokens]),
        "layout": torch.tensor([prefix, len(examples), width]),
        "answers": torch.tensor(answers),
        "labels": torch.tensor([labels]),
        "seen": torch.tensor(sum(len(example.ids) for example in examples)),
    }


def _shared_prefix(examples: Sequence[Example]) -> int:
    """Tokens that all rows begin with, short of the last prompt token of any: that one already predicts an answer."""
    if len(examples) < 2:
        return 0
    limit = min(example.start for example in examples) - 1
    first = examples[0].ids
    for i in range(limit):
        if any(example.ids[i] != first[i] for example in examples):
            return i
    return max(limit, 0)


def _batch_sizes(rows: int, batch_size: int, accumulation: int) -> list[int]:
    """Sizes that use all rows and make whole optimiser steps: full batches, then one step of smaller ones, or, where
    fewer rows are left than that step has batches, one row more in some."""
    if rows == 0:
        return []
    accumulation = min(accumulation, rows)
    whole, left = divmod(rows, batch_size * accumulation)
    sizes = [batch_size] * (whole * accumulation)
    if left >= accumulation:
        return sizes + [left // accumulation + (i < left % accumulation) for i in range(accumulation)]
    return [size + (i < left) for i, size in enumerate(sizes)]


def _cut(rows: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    batches = []
    start = 0
    for size in sizes:
        batches.append(list(rows[start : start + size]))
        start += size
    return batches
