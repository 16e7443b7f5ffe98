"""Constraints on answers, token by token: labels of the study, a JSON array of strings, or an object of a schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedTokenizerBase

from recipes.transformers.constrain_json import JsonConstraint
from recipes.transformers.constrain_labels import LabelConstraint
from recipes.transformers.constrain_schema import SchemaConstraint
from recipes.transformers.vocabulary import Vocabulary

Allowed = tuple[Sequence[int] | torch.Tensor, bool]
"""(ids of the tokens that can come next, whether the answer can end)."""


class Constraint(Protocol):
    """The set of allowed answers as an automaton. Its states are immutable, so that the answers of a batch can share
    one constraint."""

    def start(self) -> Any:
        """The state of an empty answer."""

    def allowed(self, state: Any, left: int) -> Allowed:
        """The tokens that can come next, and whether the answer can end here. `left` is the number of remaining tokens,
        end token included. If possible, only tokens are allowed after which the answer can still be completed."""

    def advance(self, state: Any, token: int) -> Any:
        """The state after an allowed token that is not an end token."""


def read_constraint(kind: str, answers: Path | None, tokenizer: PreTrainedTokenizerBase) -> Constraint | None:
    """The constraint that `generate.constrain` names. `answers` is the study's answers.json: {"labels", "between",
    "none", "single"}, or {"schema"}."""
    if kind == "none":
        return None
    assert answers is not None
    allowed = json.loads(answers.read_text(encoding="utf-8"))
    vocabulary = Vocabulary(tokenizer)
    if kind == "schema":
        return SchemaConstraint(vocabulary, allowed["schema"])
    if kind == "json":
        return JsonConstraint(vocabulary, single=allowed["single"])
    return LabelConstraint(vocabulary, allowed["labels"], allowed["between"], allowed["none"], single=allowed["single"])
