"""The probability that each label belongs to a model's answer, from the model's own distribution along its answer.

The scores are computed after a batch is answered, over its cache of keys and values. At each place of an answer where a
label can come next, the trie of labels is followed. Where the answer itself follows the trie, the probabilities are
those of its generation. Other nodes are computed level by level, for all rows and places at once, if the probability of
the path to them is at least `floor`. The labels below a node that is left out share the probability of its path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
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

FLOOR = 1e-2
"""Least probability of a path that is followed. An error of a label's probability at one slot is below it."""

_PASS_CELLS = 48
"""The number of tokens whose computation costs about as much as starting another forward pass."""

_Read = Callable[[torch.Tensor], np.ndarray]
"""Makes values [nodes, tracked] of logits [nodes, vocabulary]."""


@dataclass(frozen=True)
class Answered:
    """The new token ids of an answer without the end token, and whether it ended by itself."""

    ids: Sequence[int]
    complete: bool


_TOGETHER = 6
"""A subtree of at most this many nodes is computed in one pass: each pass copies the keys and values of its rows."""


@dataclass(eq=False)
class _Open:
    """A node of a trie to compute. `before` is the number of the answer's tokens before its path, or those of the path
    that follow the answer included; `above` the computed nodes of its path, by their numbers in the row. A node with a
    `parent` is computed in the pass of its parent, from which its `logprob` and `above` follow. If it is `whole`, so
    are all nodes below it."""

    row: int
    slot: int
    trie: Trie
    node: int
    token: int
    logprob: float
    before: int
    above: tuple[int, ...]
    parent: _Open | None = None
    whole: bool = False


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
            level = [each for node in open for each in _with_subtree(node)]
            open = []
            for nodes in _passes(level):
                likely = tree.compute(model, nodes, places, self._log_probabilities)
                self.scored += len(nodes)
                at = {node: index for index, node in enumerate(nodes)}
                for node, probabilities in zip(nodes, likely, strict=True):
                    if node.parent is not None:
                        before = likely[at[node.parent]]
                        node.logprob = node.parent.logprob + float(before[self._paths.column(node.token)])
                    self._end(node.trie, node.node, node.logprob, probabilities, found[node.row][node.slot])
                    if not node.whole:
                        open.extend(self._below(node, probabilities, found[node.row][node.slot]))
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

    def _below(self, node: _Open, probabilities: np.ndarray, found: np.ndarray) -> Iterable[_Open]:
        """The children of a computed node that are to be computed; labels below the others share their probability."""
        for token, child in node.trie.nodes[node.node].children.items():
            path = node.logprob + float(probabilities[self._paths.column(token)])
            if np.exp(path) < self._floor:
                self._share(node.trie, child, path, found)
            else:
                yield _Open(node.row, node.slot, node.trie, child, token, path, node.before, node.above)

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
    """Keys and values of a finished batch, which stay as they are, and those of the computed nodes of each row."""

    def __init__(self, finished: Any, cells: _Cells) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.device, self.is_initialized = finished.dtype, finished.device, True
        self.keys, self.values = finished.keys, finished.values
        self._cells = cells
        self._nodes = [part.new_zeros(*part.shape[:2], 0, part.shape[3]) for part in (self.keys, self.values)]

    def get_seq_length(self) -> int:
        assert self.keys is not None
        return int(self.keys.shape[2] + self._cells.before)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the nodes of a forward pass; returns the keys and values of its rows, with those nodes last."""
        cells = self._cells
        whole = []
        for at, (finished, new) in enumerate(((self.keys, key_states), (self.values, value_states))):
            assert finished is not None
            nodes = self._nodes[at]
            whole.append(torch.cat([finished[cells.rows], nodes[cells.rows, :, : cells.before], new], dim=2))
            if nodes.shape[2] < cells.room:
                more = nodes.new_zeros(*nodes.shape[:2], cells.room - nodes.shape[2], nodes.shape[3])
                nodes = self._nodes[at] = torch.cat([nodes, more], dim=2)
            nodes[cells.places, :, cells.stored] = new[cells.lines, :, cells.columns]
        return whole[0], whole[1]


@dataclass
class _Cells:
    """Where the nodes of a forward pass are: its node i is in row `lines[i]` and column `columns[i]` of the pass, and
    is stored in row `places[i]` of the batch as node `stored[i]` of that row. `rows` are the batch's rows in the pass,
    `before` is the number of stored nodes that it reads of each, and `room` the number that it needs."""

    rows: torch.Tensor
    lines: torch.Tensor
    columns: torch.Tensor
    places: torch.Tensor
    stored: torch.Tensor
    before: int = 0
    room: int = 0


class _Tree:
    """The computed nodes of a batch, as further tokens of its cache. A node attends to the prompt, to the answer before
    its path, and to its path."""

    def __init__(self, cache: BatchCache, mask: torch.Tensor) -> None:
        none = torch.zeros(0, dtype=torch.long, device=mask.device)
        self._cells = _Cells(none, none, none, none, none)
        self._layers = [_Layer(layer, self._cells) for layer in cache.layers]
        self._cache = Cache(layers=list(self._layers))
        self._prompts = mask.bool()
        self._lengths = mask.sum(1).tolist()
        self._answered = cache.get_seq_length()
        self._stored = [0] * len(mask)
        """Number of computed nodes of each row of the batch."""

    def compute(self, model: PreTrainedModel, nodes: Sequence[_Open], places: Sequence[int], read: _Read) -> np.ndarray:
        """One forward pass; returns what `read` makes of the logits of each node. A parent comes before its children.
        Adds the number of each node to its own path."""
        own = sorted({places[node.row] for node in nodes})
        line = {place: at for at, place in enumerate(own)}
        before = max(self._stored[place] for place in own)
        width = [0] * len(own)
        lines, columns, stored = [], [], []
        for node in nodes:
            place = places[node.row]
            at = line[place]
            lines.append(at)
            columns.append(width[at])
            stored.append(self._stored[place])
            width[at] += 1
            self._stored[place] += 1
        device = self._prompts.device
        start = self._answered + before
        ids = torch.zeros(len(own), max(width), dtype=torch.long, device=device)
        positions = torch.zeros_like(ids)
        seen = torch.zeros(len(own), max(width), start + max(width), dtype=torch.bool, device=device)
        # A cell without a node attends to itself, because an empty row of a mask gives NaN.
        seen[:, range(max(width)), range(start, start + max(width))] = True
        prompt = self._prompts.shape[1]
        cell = {node: start + column for node, column in zip(nodes, columns, strict=True)}
        for node, at, column, number in zip(nodes, lines, columns, stored, strict=True):
            ids[at, column] = node.token
            seen[at, column, :prompt] = self._prompts[own[at]]
            seen[at, column, prompt : prompt + node.before] = True
            within = []
            parent = node.parent
            while parent is not None:
                within.append(cell[parent])
                first, parent = parent, parent.parent
            stored_above = node.above if node.parent is None else first.above[:-1]
            seen[at, column, [self._answered + above for above in stored_above] + within] = True
            positions[at, column] = self._lengths[own[at]] + node.before + len(stored_above) + len(within)
            node.above = (*(node.above if node.parent is None else node.parent.above), number)
        dtype = self._layers[0].dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(~seen, torch.finfo(dtype).min)
        cells = self._cells
        cells.rows = torch.tensor(own, device=device)
        cells.lines, cells.columns, cells.stored = (torch.tensor(x, device=device) for x in (lines, columns, stored))
        cells.places = cells.rows[cells.lines]
        cells.before, cells.room = before, max(stored) + 1
        logits = model(
            input_ids=ids, attention_mask=mask[:, None], position_ids=positions, past_key_values=self._cache
        ).logits
        values: np.ndarray = read(logits[cells.lines, cells.columns])
        return values


def _with_subtree(node: _Open) -> list[_Open]:
    """A node, and all nodes below it if they are few; parents come first."""
    found = [node]
    for each in found:
        for token, child in node.trie.nodes[each.node].children.items():
            found.append(_Open(node.row, node.slot, node.trie, child, token, 0.0, node.before, (), parent=each))
            if len(found) > _TOGETHER:
                return [node]
    for each in found:
        each.whole = True
    return found


def _passes(nodes: Sequence[_Open]) -> list[list[_Open]]:
    """Nodes in forward passes. A pass is as wide as its row with the most nodes, so that rows of few nodes are apart
    from those of many if that saves more cells than a pass costs."""
    by_row: dict[int, list[_Open]] = {}
    for node in nodes:
        by_row.setdefault(node.row, []).append(node)
    passes: list[list[_Open]] = []
    wide = empty = 0
    for own in sorted(by_row.values(), key=len, reverse=True):
        empty += wide - len(own)
        if not passes or empty > _PASS_CELLS:
            passes.append([])
            wide, empty = len(own), 0
        passes[-1].extend(own)
    return passes


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
