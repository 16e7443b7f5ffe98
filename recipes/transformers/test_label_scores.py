"""Scores of labels against the likelihood of each label alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from recipes.common.encode import load_tokenizer, prompt_ids
from recipes.common.generation.cases import end_tokens
from recipes.common.protocol import StepFailed
from recipes.testing import make_hybrid
from recipes.tools.tiny_models import Family
from recipes.transformers.constrain_labels import LabelConstraint
from recipes.transformers.decode import Answer, Sampling, answer_batch
from recipes.transformers.generate import run
from recipes.transformers.label_paths import LabelPaths
from recipes.transformers.label_scores import LabelScorer
from recipes.transformers.prefill import shared_prefix
from recipes.transformers.test_generate import Workspace, cases
from recipes.transformers.vocabulary import Vocabulary

LABELS = ["bane dori", "bane", "kifa lupo mesa", "kifa nobu", "pira, left.", "rudo"]
WRITTEN = [json.dumps(label) if ", " in label else label for label in LABELS]


def allowed(single: bool) -> dict[str, Any]:
    return {"labels": LABELS if single else WRITTEN, "between": ", ", "none": None, "single": single}


class Bench:
    """A tiny model whose answers a constraint makes lists of labels, so that an answer has several slots."""

    def __init__(self, folder: Path, family: Family, single: bool) -> None:
        workspace = Workspace(folder, family, tied=True)
        self.single = single
        self.answers = allowed(single)
        self.tokenizer = load_tokenizer(workspace.model)
        self.model = AutoModelForCausalLM.from_pretrained(workspace.model, dtype=torch.float32)
        self.ends = end_tokens(workspace.model, self.tokenizer)
        self.prompts = sorted(
            (prompt_ids(self.tokenizer, row["messages"], False) for row in cases(7)), key=len, reverse=True
        )
        self.paths = LabelPaths(self.tokenizer, self.answers, self.ends)
        tokens = {id: written for written, ids in Vocabulary(self.tokenizer).items() for id in ids}
        between = [id for id, written in tokens.items() if written.startswith(b", ") or b", ".startswith(written)]
        self.enders = [*self.ends, *([] if single else between)]

    def answer(self, floor: float) -> tuple[list[Answer], LabelScorer]:
        scorer = LabelScorer(self.paths, len(self.prompts), floor)
        constraint = LabelConstraint(Vocabulary(self.tokenizer), self.answers["labels"], ", ", None, single=self.single)
        found: dict[int, Answer] = {}
        answer_batch(
            self.model,
            self.prompts,
            prefix=shared_prefix(self.model, self.prompts, 40),
            ends=self.ends,
            max_new_tokens=40,
            sampling=Sampling(1.0),
            generators=[torch.Generator().manual_seed(at) for at in range(len(self.prompts))],
            on_answer=found.__setitem__,
            between=lambda: None,
            constraint=constraint,
            scorer=scorer,
        )
        return [found[row] for row in range(len(self.prompts))], scorer

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def alone(self, prompt: list[int], before: list[int], label: str) -> float:
        """The probability of a label after tokens of an answer, from a forward pass of its own."""
        start = [*prompt, *before]
        whole = [*start, *self.ids(f", {label}" if before else label)]
        with torch.no_grad():
            likely = self.model(torch.tensor([whole])).logits[0].float().log_softmax(-1)
        path = sum(float(likely[at - 1, whole[at]]) for at in range(len(start), len(whole)))
        return math.exp(path + float(torch.logsumexp(likely[-1, self.enders], 0)))

    def expected(self, prompt: list[int], answer: Answer) -> Mapping[str, float]:
        """The probability of each label to be named at some slot, from one pass for each label and slot."""
        ids = answer.ids[:-1] if answer.finish == "stop" else answer.ids
        slots = [slot.at for slot in self.paths.slots(ids, complete=answer.finish == "stop")]
        return {
            label: -np.expm1(sum(np.log1p(-self.alone(prompt, list(ids[:at]), written)) for at in slots))
            for label, written in zip(LABELS, self.answers["labels"], strict=True)
        }


@pytest.mark.parametrize(("family", "single"), [("qwen3", False), ("llama", False), ("qwen3", True)])
def test_scores_equal_the_likelihoods_of_single_labels(family: Family, single: bool, tmp_path: Path) -> None:
    bench = Bench(tmp_path, family, single)
    answers, _scorer = bench.answer(floor=0)
    slots = [len(bench.paths.slots(answer.ids[:-1], complete=answer.finish == "stop")) for answer in answers]
    assert single or max(slots) > 3
    assert len({len(answer.ids) for answer in answers}) > 1
    for prompt, answer in zip(bench.prompts, answers, strict=True):
        assert answer.scores is not None
        expected = bench.expected(prompt, answer)
        for label in LABELS:
            assert np.log(answer.scores[label]) == pytest.approx(np.log(expected[label]), abs=1e-4)


def test_a_floor_computes_fewer_tokens_and_changes_no_score_by_more_than_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "qwen3", False)
    exact, all_nodes = bench.answer(floor=0)
    floor = 1e-4
    near, few = bench.answer(floor)
    assert 0 < few.scored < all_nodes.scored / 2
    for own, other in zip(exact, near, strict=True):
        assert own.scores is not None and other.scores is not None
        assert own.ids == other.ids
        for label in LABELS:
            assert abs(own.scores[label] - other.scores[label]) <= floor * 20


class MergingTokenizer:
    """Longest match over a vocabulary in which a full stop and a line break are one token."""

    tokens = ("a", "b", ".", "\n", ".\n", "x", "<end>")
    added_tokens_decoder: Mapping[int, Any] = {}

    def get_vocab(self) -> dict[str, int]:
        return {token.replace("\n", "Ċ"): id for id, token in enumerate(self.tokens)}

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        ids = []
        while text:
            token = max((token for token in self.tokens if text.startswith(token)), key=len)
            ids.append(self.tokens.index(token))
            text = text[len(token) :]
        return {"input_ids": ids}


def test_a_separator_that_merges_with_the_end_of_a_label() -> None:
    a, b, stop, line, merged, _, end = range(7)
    tokenizer: Any = MergingTokenizer()
    answers = {"labels": ["a.", "b"], "between": "\n", "none": None, "single": False}
    paths = LabelPaths(tokenizer, answers, frozenset([end]))

    def tokens(columns: np.ndarray) -> set[int]:
        return {paths.tracked[column] for column in columns}

    first, second = paths.slots([a, merged, b], complete=True)[:2]
    assert first.at == 0
    assert second.at == 1, "the label's own end is in the token of the separator"
    root = first.trie.nodes[0]
    named = first.trie.nodes[root.children[a]]
    assert [(label, tokens(columns)) for label, columns in named.endings] == [(0, {merged})]
    ended = first.trie.nodes[named.children[stop]]
    assert [(label, tokens(columns)) for label, columns in ended.endings] == [(0, {end, line})]
    assert set(second.trie.nodes[0].children) == {merged}
    last = paths.slots([a, merged, b], complete=True)[2]
    assert (last.at, set(last.trie.nodes[0].children)) == (3, {line})
    assert len(paths.slots([a, merged, b], complete=False)) == 2


def margins(workspace: Workspace, **params: Any) -> dict[str, dict[str, float]]:
    """Case -> label -> margin of the generate step."""
    step = workspace.step(cases(5), scores="labels", **params)
    step.inputs["answers"] = workspace.tmp / "answers.json"
    step.inputs["answers"].write_text(json.dumps(allowed(single=False)))
    run(step)
    lines = (workspace.tmp / "output" / "margins.jsonl").read_text().splitlines()
    return {row["id"]: row["margins"] for row in map(json.loads, lines)}


def test_the_step_writes_margins_and_the_same_answers_as_without_scores(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "qwen3", tied=True)
    run(workspace.step(cases(5)))
    plain = workspace.responses()
    (tmp_path / "work" / "partial.jsonl").unlink()
    found = margins(workspace)
    assert workspace.responses() == plain
    assert list(found) == [f"case-{at}" for at in range(5)]
    assert all(-1 < margin <= 1 for own in found.values() for margin in own.values())
    assert margins(workspace) == found, "all answers are resumed, with their scores"


def test_the_scores_of_a_vote_are_the_means_of_its_samples(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "qwen3", tied=True)
    found = margins(workspace, samples=3, temperature=1.0, seed=1)
    lines = (tmp_path / "work" / "partial.jsonl").read_text().splitlines()
    rows = {row["id"]: row["scores"] for row in map(json.loads, lines)}
    own = [rows[f"case-2\t{sample}"] for sample in range(3)]
    for label, margin in found["case-2"].items():
        assert margin == pytest.approx(2 * sum(scores[label] for scores in own) / 3 - 1, abs=2e-6)


def test_a_model_without_keys_of_all_tokens_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, model=make_hybrid(tmp_path / "model"))
    with pytest.raises(StepFailed) as failure:
        margins(workspace)
    assert failure.value.code == "scores-unsupported"
