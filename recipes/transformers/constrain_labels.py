"""The constraint to labels of the study: distinct labels with separators between them, or the answer that means "no
label"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from recipes.transformers.vocabulary import Vocabulary


@dataclass
class _Node:
    """A node of the trie of labels, or a position in a separator."""

    next: dict[int, int] = field(default_factory=dict)
    label: int | None = None
    """Index of the label that ends here."""
    below: int = 0
    """Bit set of the labels that can be completed from here."""
    rest: bytes = b""
    """In a separator: its remaining bytes."""


@dataclass(frozen=True)
class _Parse:
    """One parse of the answer so far: a node, and the bit set of the labels before it."""

    node: int
    used: int


@dataclass(frozen=True)
class _Edge:
    """A token and the node after it. `done` is the bit set of the labels that the token completes."""

    token: int
    node: int
    done: int


class LabelConstraint:
    """Works on bytes, because a token can span the end of one label and the start of the next. If an answer has several
    parses, because a label contains the separator, all of them are followed."""

    def __init__(
        self, vocabulary: Vocabulary, labels: Sequence[str], between: str, none: str | None, *, single: bool
    ) -> None:
        self._vocabulary = vocabulary
        self._nodes = [_Node()]
        has_none = none is not None and none not in labels
        written = [*labels, none] if has_none else [*labels]
        self._labels = [str(label).encode() for label in written]
        self._all = (1 << len(labels)) - 1
        self._none = 1 << len(labels) if has_none else 0
        for index, label in enumerate(self._labels):
            self._add(index, label)
        self._separator = None if single else self._add_separator(between.encode())
        self._edges: dict[int, list[_Edge]] = {}
        self._count = cache(vocabulary.count)
        longest = max((self._count(between.encode() + label) for label in self._labels), default=0)
        self._check_below = longest + 2
        """With this many tokens left or fewer, `allowed` checks that a label can be completed."""

    def start(self) -> frozenset[_Parse]:
        """The state before the first label."""
        return frozenset((_Parse(0, 0),))

    def allowed(self, state: frozenset[_Parse], left: int) -> tuple[Sequence[int], bool]:
        """The tokens of labels that the answer does not have yet, and whether it ends with a complete label."""
        may_end = any(self._is_complete(parse) for parse in state)
        steps = [(edge.token, after) for parse in state for edge, after in self._steps(parse)]
        if left <= self._check_below:
            in_time = [step for step in steps if self._need(step[1]) + 1 <= left - 1]
            steps = in_time if in_time or may_end else steps
        return [token for token, _ in steps], may_end

    def advance(self, state: frozenset[_Parse], token: int) -> frozenset[_Parse]:
        """The parses that are consistent with the token."""
        return frozenset(after for parse in state for edge, after in self._steps(parse) if edge.token == token)

    def _add(self, index: int, label: bytes) -> None:
        at = 0
        self._nodes[at].below |= 1 << index
        for byte in label:
            if byte not in self._nodes[at].next:
                self._nodes[at].next[byte] = len(self._nodes)
                self._nodes.append(_Node())
            at = self._nodes[at].next[byte]
            self._nodes[at].below |= 1 << index
        self._nodes[at].label = index

    def _add_separator(self, between: bytes) -> int:
        """The node before the separator. The last byte of the separator leads back to the root."""
        first = len(self._nodes)
        for at, byte in enumerate(between):
            leads = 0 if at == len(between) - 1 else len(self._nodes) + 1
            self._nodes.append(_Node({byte: leads}, None, self._all, between[at:]))
        return first

    def _is_complete(self, parse: _Parse) -> bool:
        label = self._nodes[parse.node].label
        return label is not None and not parse.used >> label & 1

    def _steps(self, parse: _Parse) -> Iterator[tuple[_Edge, _Parse]]:
        for edge in self._edges_of(parse.node):
            if edge.done & parse.used:
                continue
            used = parse.used | edge.done
            if used:
                used |= self._none
            if self._nodes[edge.node].below & ~used:
                yield edge, _Parse(edge.node, used)

    def _edges_of(self, node: int) -> list[_Edge]:
        if node not in self._edges:
            along = self._vocabulary.along((node, 0), self._moves)
            self._edges[node] = [_Edge(token, there, done) for tokens, (there, done) in along for token in tokens]
        return self._edges[node]

    def _moves(self, place: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
        """The moves from `place`: a node, and the bit set of the labels that the token completes. A token cannot
        complete a label twice."""
        at, done = place
        node = self._nodes[at]
        for byte, there in node.next.items():
            yield byte, (there, done)
        if node.label is None or self._separator is None:
            return
        label = 1 << node.label
        if label == self._none or label & done:
            return
        for byte, there in self._nodes[self._separator].next.items():
            yield byte, (there, done | label)

    def _need(self, parse: _Parse) -> int:
        """Upper bound of the number of tokens that complete a label from here."""
        node = self._nodes[parse.node]
        open = node.below & ~parse.used
        candidates = [index for index in range(len(self._labels)) if open >> index & 1]
        if node.rest:
            return min(self._count(node.rest + self._labels[index]) for index in candidates)
        depth = self._depth(parse.node)
        return min(self._count(self._labels[index][depth:]) for index in candidates)

    def _depth(self, node: int) -> int:
        """Number of bytes between the root and a node within a label. It is equal for all labels below the node."""
        below = self._nodes[node].below
        label = self._labels[(below & -below).bit_length() - 1]
        at = depth = 0
        while at != node:
            at = self._nodes[at].next[label[depth]]
            depth += 1
        return depth
