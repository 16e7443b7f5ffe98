"""Similarities are cosines of mean hidden states, for any batch, and long texts are cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from recipes.common.protocol import Step, StepFailed
from recipes.steps import embed
from recipes.steps.embed import run
from recipes.tools.tiny_models import make_tiny_model


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model", "qwen3", tied=True)


@pytest.fixture(scope="module")
def encoder(decoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with the tokenizer of the decoder and 16 positions."""
    folder = tmp_path_factory.mktemp("bert")
    tokenizer = AutoTokenizer.from_pretrained(decoder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=16, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


def compare(folder: Path, root: Path, pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    (root / "work").mkdir(parents=True)
    (root / "output").mkdir()
    lines = [{"id": str(at), "reference": one, "answer": other} for at, (one, other) in enumerate(pairs)]
    (root / "work" / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    step = Step("embed", {}, {}, {"model": folder}, root / "output", root / "work", root / "progress.jsonl", 1)
    run(step)
    return [json.loads(line) for line in (root / "output" / "similarities.jsonl").read_text().splitlines()]


def expected(folder: Path, one: str, other: str) -> float:
    """The cosine of the means of unpadded texts."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        means = [
            model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0].mean(0) for text in (one, other)
        ]
    return float(torch.nn.functional.cosine_similarity(means[0], means[1], dim=0))


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_similarities_equal_those_of_unpadded_texts(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    pairs = [("kiru dodo", "dodo kiru bane"), ("bane", "dori kifa"), ("kiru", "kiru"), ("bane", ""), ("", "")]
    found = compare(folder, tmp_path, pairs)
    assert [one["similarity"] for one in found[2:]] == [1.0, 0.0, 1.0]
    for (one, other), line in zip(pairs[:2], found[:2], strict=True):
        assert line["similarity"] == pytest.approx(expected(folder, one, other), abs=2e-6)
        assert line["similarity"] < 0.999999 and not line["cut"]


def test_a_long_text_is_cut_and_reported(encoder: Path, tmp_path: Path) -> None:
    start = " ".join(["kiru"] * 30)
    (line,) = compare(encoder, tmp_path, [(start + " dodo", start + " bane")])
    assert line == {"id": "0", "similarity": pytest.approx(1.0, abs=1e-6), "cut": True}


def test_a_model_that_transformers_does_not_know_fails(encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in encoder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "config.json").write_text(json.dumps({"model_type": "unheard"}))
    with pytest.raises(StepFailed) as caught:
        compare(folder, tmp_path / "run", [("a", "b")])
    assert caught.value.code == "unsupported-model"


def test_steps_of_one_process_load_the_model_once(decoder: Path, encoder: Path, tmp_path: Path) -> None:
    embed._load.cache_clear()
    first = compare(decoder, tmp_path / "a", [("one text", "another")])
    assert compare(decoder, tmp_path / "b", [("one text", "another")]) == first
    assert embed._load.cache_info().misses == 1
    compare(encoder, tmp_path / "c", [("one text", "another")])
    assert embed._load.cache_info().misses == 2
