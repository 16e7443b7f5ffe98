"""The probability that each label belongs to a model's answer, from the model's own distribution along its answer.

The scores are computed after a batch is answered, over its cache of keys and values. At each place of an answer where a
label can come next, the trie of labels is followed. Where the answer itself follows the trie, the probabilities are
those of its generation. Other nodes are computed level by level, for all rows and places at once, if the probability of
the path to them is at least `floor`. The labels below a node that is left out share the probability of its path.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer

from recipes.common.protocol import StepFailed
from recipes.transformers.kv_cache import BatchCache
from recipes.transformers.label_paths import LabelPaths, Slot, Trie
from recipes.transformers.prefill import answers_singly

FLOOR = 1e-3
"""Least probability of a path that is followed. An error of a label's probability at one slot is below it."""


@dataclass(frozen=True)
class Answered:
    """The new token ids of an answer without the end token, and whether it ended by itself."""

    ids: Sequence[int]
    complete: bool


@dataclass(frozen=True)
class _Open:
    """A node of a trie to compute. `before` is the number of the answer's tokens before its path, or those of the path
    that follow the answer included; `above` the computed nodes of its path, by their places."""

    row: int
    slot: int
    trie: Trie
    node: int
    token: int
    logprob: float
    before: int
    above: tuple[int, ...]


class LabelScorer:
    """Computes the scores of one batch. `scored` counts the tokens that it computed, `seconds` the time."""

    def __init__(self, paths: LabelPaths, rows: int, floor: float | None = None) -> None:
        """`floor` is FLOOR by default."""
        self._paths = paths
        self._floor = FLOOR if floor is None else floor
        self._steps: list[list[np.ndarray]] = [[] for _ in range(rows)]
        self.scored = 0
        self.seconds = 0.0

    def record(self, rows: Sequence[int], logits: torch.Tensor) -> None:
        """Keep the log-probabilities of the next token of each row from logits [rows, vocabulary]."""
        started = time.monotonic()
        for row, likely in zip(rows, self._log_probabilities(logits), strict=True):
            self._steps[row].append(likely)
        self.seconds += time.monotonic() - started

    def scores(
        self,
        model: PreTrainedModel,
        cache: BatchCache,
        mask: torch.Tensor,
        places: Sequence[int],
        answers: Sequence[Answered],
    ) -> list[dict[str, float]]:
        """Label -> probability, for each row of the batch. `mask` [rows, tokens] is that of the prompts, and
        `places[row]` is the place of a row in cache and mask."""
        started = time.monotonic()
        slots = [self._paths.slots(answer.ids, complete=answer.complete) for answer in answers]
        found = [np.zeros((len(own), len(self._paths.labels))) for own in slots]
        open = [
            node
            for row, own in enumerate(slots)
            for at, slot in enumerate(own)
            for node in self._along_answer(row, at, slot, answers[row].ids, found[row][at])
        ]
        tree = _Tree(cache, mask)
        while open:
            likely = tree.compute(model, open, places, self._log_probabilities)
            self.scored += len(open)
            open = [
                after
                for node, column, probabilities in zip(open, tree.newest, likely, strict=True)
                for after in self._below(node, column, probabilities, found[node.row][node.slot])
            ]
        joined = [self._combined(own) for own in found]
        self.seconds += time.monotonic() - started
        return joined

    def _combined(self, by_slot: np.ndarray) -> dict[str, float]:
        """Probability that a label is named at some slot, as if slots were independent."""
        with np.errstate(divide="ignore"):  # the logarithm of 0, for a certain label
            joined = -np.expm1(np.log1p(-np.clip(by_slot, 0, 1)).sum(axis=0))
        return {label: float(value) for label, value in zip(self._paths.labels, joined, strict=True)}

    def _along_answer(self, row: int, slot: int, start: Slot, ids: Sequence[int], found: np.ndarray) -> Iterable[_Open]:
        """Follow the answer from a slot as long as it follows the trie; yields the nodes at which others branch off."""
        trie, at, node, logprob = start.trie, start.at, 0, 0.0
        steps = self._steps[row]
        while True:
            probabilities = steps[at]
            self._end(trie, node, logprob, probabilities, found)
            following = None
            for token, child in trie.nodes[node].children.items():
                path = logprob + float(probabilities[self._paths.column(token)])
                if at < len(ids) and ids[at] == token and at + 1 < len(steps):
                    following = child, path
                elif np.exp(path) < self._floor:
                    self._share(trie, child, path, found)
                else:
                    yield _Open(row, slot, trie, child, token, path, at, ())
            if following is None:
                return
            (node, logprob), at = following, at + 1

    def _below(self, node: _Open, column: int, probabilities: np.ndarray, found: np.ndarray) -> Iterable[_Open]:
        """Count the labels that end at a computed node; yields its children that are to be computed."""
        self._end(node.trie, node.node, node.logprob, probabilities, found)
        for token, child in node.trie.nodes[node.node].children.items():
            path = node.logprob + float(probabilities[self._paths.column(token)])
            if np.exp(path) < self._floor:
                self._share(node.trie, child, path, found)
            else:
                above = (*node.above, column)
                yield _Open(node.row, node.slot, node.trie, child, token, path, node.before, above)

    @staticmethod
    def _end(trie: Trie, node: int, logprob: float, probabilities: np.ndarray, found: np.ndarray) -> None:
        for label, columns in trie.nodes[node].endings:
            found[label] += np.exp(logprob + probabilities[columns]).sum()

    @staticmethod
    def _share(trie: Trie, node: int, logprob: float, found: np.ndarray) -> None:
        labels = trie.nodes[node].labels
        for label in labels:
            found[label] += np.exp(logprob) / len(labels)

    def _log_probabilities(self, logits: torch.Tensor) -> np.ndarray:
        """Log-probabilities [..., tracked] of the tracked tokens from logits [..., vocabulary]."""
        scores = logits.float()
        picked = scores[..., self._paths.tracked] - scores.logsumexp(-1, keepdim=True)
        return np.asarray(picked.cpu().numpy(), dtype=np.float64)


class _Layer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of a finished batch, which stay as they are, and those of the computed nodes after them."""

    def __init__(self, finished: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.device, self.is_initialized = finished.dtype, finished.device, True
        self._finished = (finished.keys, finished.values)
        self._nodes = tuple(part[:, :, :0] for part in self._finished)
        self.rows = torch.arange(finished.keys.shape[0], device=finished.device)
        self.keys, self.values = self._finished

    def get_seq_length(self) -> int:
        return int(self._finished[0].shape[2] + self._nodes[0].shape[2])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append nodes to `rows`; returns the keys and values of these rows."""
        whole = []
        kept = []
        for finished, nodes, new in zip(self._finished, self._nodes, (key_states, value_states), strict=True):
            whole.append(torch.cat([finished[self.rows], nodes[self.rows], new], dim=2))
            room = nodes.new_zeros(nodes.shape[0], nodes.shape[1], new.shape[2], nodes.shape[3])
            room[self.rows] = new
            kept.append(torch.cat([nodes, room], dim=2))
        self._nodes = tuple(kept)
        return whole[0], whole[1]


class _Tree:
    """The computed nodes of a batch, as further tokens of its cache. A node attends to the prompt, to the answer before
    its path, and to its path."""

    def __init__(self, cache: BatchCache, mask: torch.Tensor) -> None:
        self._layers = [_Layer(layer) for layer in cache.layers]
        self._cache = Cache(layers=list(self._layers))
        self._prompts = mask.bool()
        self._lengths = mask.sum(1)
        self._computed = cache.get_seq_length()
        self.newest: list[int] = []
        """The places of the nodes that `compute` computed last, in their order."""

    def compute(self, model: PreTrainedModel, nodes: Sequence[_Open], places: Sequence[int], read: Any) -> np.ndarray:
        """One forward pass; returns what `read` makes of the logits of each node."""
        own = sorted({places[node.row] for node in nodes})
        line = {place: at for at, place in enumerate(own)}
        count = [0] * len(own)
        cells = []
        for node in nodes:
            at = line[places[node.row]]
            cells.append((at, count[at]))
            count[at] += 1
        width = max(count)
        device = self._prompts.device
        ids = torch.zeros(len(own), width, dtype=torch.long, device=device)
        positions = torch.zeros_like(ids)
        seen = torch.zeros(len(own), width, self._computed + width, dtype=torch.bool, device=device)
        # A cell without a node attends to itself, because an empty row of a mask gives NaN.
        seen[:, range(width), range(self._computed, self._computed + width)] = True
        prompt = self._prompts.shape[1]
        for node, (at, cell) in zip(nodes, cells, strict=True):
            place = own[at]
            ids[at, cell] = node.token
            positions[at, cell] = self._lengths[place] + node.before + len(node.above)
            seen[at, cell, :prompt] = self._prompts[place]
            seen[at, cell, prompt : prompt + node.before] = True
            seen[at, cell, list(node.above)] = True
        dtype = self._layers[0].dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(~seen, torch.finfo(dtype).min)
        for layer in self._layers:
            layer.rows = torch.tensor(own, device=device)
        logits = model(
            input_ids=ids, attention_mask=mask[:, None], position_ids=positions, past_key_values=self._cache
        ).logits
        self.newest = [self._computed + cell for _, cell in cells]
        self._computed += width
        values: np.ndarray = read(logits[[at for at, _ in cells], [cell for _, cell in cells]])
        return values


def expect_scorable(model: PreTrainedModel, longest: int) -> None:
    """Fail with `scores-unsupported` for a model whose attention does not see all of `longest` tokens."""
    window = getattr(model.config.get_text_config(decoder=True), "sliding_window", None)
    if answers_singly(model):
        problem = "layers of linear attention keep no keys and values"
    elif window is not None and window < longest:
        problem = f"a window of attention of {window} tokens is shorter than a prompt and its answer ({longest} tokens)"
    else:
        return
    raise StepFailed(
        "scores-unsupported",
        f"generate.scores: labels is not possible with this model: {problem}",
        "Set generate.scores: none, or choose another model, such as Qwen3.",
    )
