"""Training rows as batches: encoded once, ordered by a seed, grouped by length, with the common prompt stored once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.files import read_rows
from recipes.common.training.failures import check_lengths

_BATCHES_SORTED_TOGETHER = 16
"""Batches whose rows are sorted by length together. More would need less padding, but shuffle less."""


@dataclass(frozen=True)
class Example:
    """One encoded row. The answer (the target and its end token) starts at index `start`."""

    ids: list[int]
    start: int
    id: str = ""
    target: str = ""
    weight: float = 1.0
    """Weight of the row in the loss."""


@dataclass(frozen=True)
class Noise:
    """Noise on the embeddings of training rows (NEFTune, Jain et al. 2023).

    The noise of a row depends on seed, epoch and row alone. So it is the same after a resume, and for any number of
    ranks.
    """

    alpha: float
    dim: int
    """Width of an embedding."""
    seed: int

    def of(self, epoch: int, row: int, length: int) -> Tensor:
        """Noise [length, dim] of a row of `length` tokens: uniform in -1 to 1, times alpha / sqrt(length * dim)."""
        random = torch.Generator().manual_seed(((self.seed * 1_000_003 + epoch) * 1_000_003 + row) % 2**63)
        noise = torch.rand(length, self.dim, generator=random)
        return noise.mul_(2).sub_(1).mul_(self.alpha / math.sqrt(length * self.dim))


def open_tokenizer(model_dir: str) -> PreTrainedTokenizerBase:
    """The model's own tokenizer (a torchtune component). torchtune's tokenizers apply neither the model's chat template
    nor its think block, and mask the end token if a maximum length is set."""
    return load_tokenizer(Path(model_dir))


def load_examples(
    tokenizer: PreTrainedTokenizerBase, file: str, max_length: int, thinking: bool = False
) -> list[Example]:
    """All rows of a .jsonl file, encoded (a torchtune component). Fails with `row-too-long`."""
    examples: list[Example] = []
    for row in read_rows(Path(file)):
        ids, labels = encode_row(tokenizer, row, thinking)
        start = next(i for i, label in enumerate(labels) if label != IGNORE)
        examples.append(Example(ids, start, str(row["id"]), row["target"], float(row.get("weight", 1))))
    check_lengths([(example.id, len(example.ids)) for example in examples], max_length)
    return examples


def accumulation_of(rows: int, accumulation: int, ranks: int = 1) -> int:
    """Micro-batches of an optimiser step: `accumulation`, but not many more than there are rows, and a multiple of the
    ranks. `accumulation` is such a multiple."""
    return max(1, -(-min(accumulation, rows) // ranks)) * ranks


class Batches:
    """The batches of each epoch, in an order that depends on the seed and the epoch alone. torchtune's recipes seed
    their sampler with 0, whatever the config says.

    An instance replaces both the data loader and the sampler of torchtune's recipe. `skip` is the number of batches to
    leave out of the next epoch, for a resume. The micro-batches of a step are distributed over the ranks in turn, so
    that a step trains on the same rows for any number of ranks.
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
        noise: Noise | None = None,
    ) -> None:
        """Without a seed, the rows are in the order of their lengths (for validation)."""
        self._rank, self._ranks = rank, ranks
        self._noise = noise
        self._examples = examples
        self._pad = pad
        self._seed = seed
        self._whole, self._partial = _batch_sizes(len(examples), batch_size, accumulation)
        self._accumulation = accumulation
        self._is_weighted = any(example.weight != 1 for example in examples)
        self._epoch = 0
        self.skip = 0
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that the next iteration runs over."""
        self._epoch = epoch

    def __len__(self) -> int:
        return (len(self._whole) + len(self._partial)) // self._ranks

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        start, self.skip = self.skip * self._ranks, 0
        order = self.order()
        for first in range(start, len(order), self._ranks):
            together = [[self._examples[row] for row in rows] for rows in order[first : first + self._ranks]]
            own = together.pop(self._rank)
            batch = self._batch(order[first + self._rank])
            if self._is_weighted:
                batch["weights"] = self._weights(own, order, first)
            for example in (each for rows in together for each in rows):
                labels = torch.tensor([example.ids[example.start :]])
                batch["labels"] = torch.cat([batch["labels"], labels], dim=1)
                batch["seen"] += len(example.ids)
            yield batch

    def largest(self, epochs: int) -> int:
        """Tokens of the largest batch of `epochs` epochs, with padding."""
        lengths = [len(example.ids) for example in self._examples]
        current, most = self._epoch, 0
        for epoch in range(epochs):
            self.set_epoch(epoch)
            widest = max(self.order(), key=lambda rows: len(rows) * max((lengths[row] for row in rows), default=0))
            most = max(most, self._batch(widest)["tokens"].numel())
        self.set_epoch(current)
        return most

    def longest_row(self) -> dict[str, Tensor]:
        """A batch of the longest row alone."""
        return self._batch([max(range(len(self._examples)), key=lambda row: len(self._examples[row].ids))])

    def _batch(self, rows: Sequence[int]) -> dict[str, Tensor]:
        own = [self._examples[row] for row in rows]
        return collate(own, self._pad, self._noise_of(own, rows))

    def _noise_of(self, own: Sequence[Example], rows: Sequence[int]) -> list[Tensor] | None:
        """The noise of each row of a batch; None without noise."""
        if self._noise is None:
            return None
        return [self._noise.of(self._epoch, row, len(each.ids)) for row, each in zip(rows, own, strict=True)]

    def _weights(self, own: Sequence[Example], order: Sequence[Sequence[int]], batch: int) -> Tensor:
        """The weight of each trained token [m] of a batch, which belongs to the optimiser step of the batch number.

        torchtune's loop divides the loss of a step by its number of trained tokens. The weights are scaled so that the
        loss is then the weighted mean: a row of weight 0 counts as absent, and one of weight 2 as two rows.
        """
        start = batch // self._accumulation * self._accumulation
        rows = [self._examples[row] for rows in order[start : start + self._accumulation] for row in rows]
        tokens = sum(len(row.ids) - row.start for row in rows)
        weighted = sum(row.weight * (len(row.ids) - row.start) for row in rows)
        scale = tokens / weighted if weighted > 0 else 0.0
        return torch.tensor([scale * row.weight for row in own for _ in range(len(row.ids) - row.start)])

    def order(self) -> list[list[int]]:
        """Row indices of each batch of this epoch. The rows are shuffled, sorted by length within groups of batches to
        reduce padding, and the batches are shuffled again. The batches of the partial step stay last."""
        lengths = [len(example.ids) for example in self._examples]
        sizes = self._whole + self._partial
        if self._seed is None:
            return _cut(sorted(range(len(lengths)), key=lambda row: -lengths[row]), sizes)
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        rows = torch.randperm(len(lengths), generator=random).tolist()
        batches: list[list[int]] = []
        for first in range(0, len(self._whole), _BATCHES_SORTED_TOGETHER):
            some = self._whole[first : first + _BATCHES_SORTED_TOGETHER]
            taken, rows = rows[: sum(some)], rows[sum(some) :]
            batches += _cut(sorted(taken, key=lambda row: lengths[row]), some)
        batches = [batches[i] for i in torch.randperm(len(batches), generator=random).tolist()]
        return batches + _cut(sorted(rows, key=lambda row: lengths[row]), self._partial)


def collate(examples: Sequence[Example], pad: int, noise: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
    """One batch in the layout of `decoder.Layout`.

    tokens [1, prefix + rows * width]; layout [prefix, rows, width]; answers [m], the positions whose next token is
    trained; labels [1, m], those tokens; seen, the number of tokens without padding. With several ranks, labels also
    holds those of the other ranks, and seen counts their tokens. A batch without rows has one padding token, because
    every rank computes a forward pass.

    With the `noise` [tokens, dim] of each row, a batch also has noise [1, rows * width, dim], which is 0 for padding.
    Rows with different noise share no prefix.
    """
    if not examples:
        nothing = torch.tensor([], dtype=torch.long)
        return {
            "tokens": torch.tensor([[pad]]),
            "layout": torch.tensor([0, 1, 1]),
            "answers": nothing,
            "labels": nothing.view(1, 0),
            "seen": torch.tensor(0),
        }
    prefix = _shared_prefix(examples) if noise is None else 0
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
    noisy = {} if noise is None else {"noise": nn.utils.rnn.pad_sequence(list(noise), True).flatten(0, 1)[None]}
    return {
        **noisy,
        "tokens": torch.tensor([tokens]),
        "layout": torch.tensor([prefix, len(examples), width]),
        "answers": torch.tensor(answers),
        "labels": torch.tensor([labels]),
        "seen": torch.tensor(sum(len(example.ids) for example in examples)),
    }


def _shared_prefix(examples: Sequence[Example]) -> int:
    """Number of tokens that all rows have in common at their start. It excludes the last token of each prompt, because
    that one predicts the first token of an answer."""
    if len(examples) < 2:
        return 0
    limit = min(example.start for example in examples) - 1
    first = examples[0].ids
    for i in range(limit):
        if any(example.ids[i] != first[i] for example in examples):
            return i
    return max(limit, 0)


def _batch_sizes(rows: int, batch_size: int, accumulation: int) -> tuple[list[int], list[int]]:
    """Batch sizes of the whole optimiser steps, and of the partial step that ends an epoch with the remaining rows. Its
    rows are spread over `accumulation` batches, some of which may be empty."""
    whole, left = divmod(rows, batch_size * accumulation)
    partial = [left // accumulation + (i < left % accumulation) for i in range(accumulation)] if left else []
    return [batch_size] * (whole * accumulation), partial


def _cut(rows: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    batches = []
    start = 0
    for size in sizes:
        batches.append(list(rows[start : start + size]))
        start += size
    return batches
