"""The fetch step against a small server with the hub's API."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from recipes.tools.tiny_models import make_tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROOT = Path(__file__).resolve().parents[2]


class Hub:
    """A server of repositories: id -> folder. Ids in `gated` are refused. Weights are served through a redirect."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.extra: dict[str, bytes] = {}
        self.wrong_digest = False
        self.etag: str | None = None
        self.listing: dict[str, Any] = {}
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                return

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, *, body: bool) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                status, headers, content = hub.respond(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def files(self, repository: str) -> dict[str, bytes]:
        folder = self.repositories[repository]
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} | self.extra

    def respond(self, path: str) -> tuple[int, dict[str, str], bytes]:
        path = path.partition("?")[0]
        if path.startswith("/blob/"):
            repository, _, name = path.removeprefix("/blob/").rpartition("/")
            return 200, {}, self.files(repository)[name]
        api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models").strip("/").split("/")
        repository, revision = "/".join(parts[:2]), parts[3]
        if repository not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if repository in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        if revision != COMMIT:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        files = self.files(repository)
        if api:
            tree = [self.entry(*file) for file in files.items()]
            siblings = [{**entry, "rfilename": entry["path"], "blobId": entry["oid"]} for entry in tree]
            info = {"id": repository, "sha": COMMIT, "siblings": siblings}
            info |= self.listing
            answer = json.dumps(tree if parts[2] == "tree" else info)
            return 200, {"Content-Type": "application/json"}, answer.encode()
        name = parts[4]
        etag = self.entry(name, files[name])["oid"]
        headers = {"ETag": f'"{self.etag or etag}"', "X-Repo-Commit": COMMIT}
        if not name.endswith(".safetensors"):
            return 200, headers, files[name]
        linked = {"X-Linked-Etag": f'"{self.digest(files[name])}"', "X-Linked-Size": str(len(files[name]))}
        storage = self.url.replace("127.0.0.1", "localhost")
        return 302, {**headers, **linked, "Location": f"{storage}/blob/{repository}/{name}"}, b""

    def digest(self, content: bytes) -> str:
        return "0" * 64 if self.wrong_digest else hashlib.sha256(content).hexdigest()

    def entry(self, name: str, content: bytes) -> dict[str, Any]:
        entry = {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        if name.endswith(".safetensors"):
            entry["lfs"] = {
                "oid": self.digest(content),
                "size": len(content),
                "pointerSize": 134,
                "sha256": self.digest(content),
            }
        return entry


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model", "qwen3", tied=True)


@pytest.fixture
def hub(tiny: Path) -> Iterator[Hub]:
    hub = Hub()
    hub.repositories["org/tiny"] = tiny
    yield hub
    hub.server.shutdown()


def fetch(tmp: Path, endpoint: str, folder: Path | None = None, module: str = "fetch", **params: Any) -> dict[str, Any]:
    """Run a module of the step as the runner does; returns result.json with model.json under "model"."""
    (tmp / "output").mkdir(exist_ok=True)
    full = {"base": "org/tiny", "revision": COMMIT, "origin": "hub", **params}
    place = tmp / "hub" / ("models--" + full["base"].replace("/", "--")) / "snapshots" / str(full["revision"])
    request = {
        **{"schema": 1, "step": "fetch", "params": full, "inputs": {}, "local_paths": {"model": str(folder or place)}},
        **{name: str(tmp / name) for name in ("output", "work")},
        **{"progress": str(tmp / "progress.jsonl"), "result": str(tmp / "result.json"), "cores": 1},
    }
    (tmp / "request.json").write_text(json.dumps(request))
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {
        **kept,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp / "hf"),
        "HF_TOKEN": "hf_secret",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    subprocess.run(
        [sys.executable, "-m", f"recipes.steps.{module}", str(tmp / "request.json")],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    result: dict[str, Any] = json.loads((tmp / "result.json").read_text())
    model = tmp / "output" / "model.json"
    result["model"] = json.loads(model.read_text()) if model.exists() else None
    return result


def test_files_are_downloaded_once_and_described_without_local_paths(hub: Hub, tiny: Path, tmp_path: Path) -> None:
    hub.extra = {"pytorch_model.bin": b"pickle", "modeling_tiny.py": b"import os"}
    first = fetch(tmp_path, hub.url)
    assert first["status"] == "ok", first
    weights = first["model"]["files"]["model.safetensors"]
    assert weights["sha256"] == hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    assert set(first["model"]["files"]) == {path.name for path in tiny.iterdir()}
    assert first["model"]["config"]["model_type"] == "qwen3"
    assert first["model"]["parameters"] == first["evidence"]["parameters"] > 10_000
    assert str(tmp_path) not in (tmp_path / "output" / "model.json").read_text()
    assert not any("pytorch_model.bin" in request or ".py" in request for request in hub.requests)
    assert "bytes" in (tmp_path / "progress.jsonl").read_text()
    hub.requests.clear()
    assert fetch(tmp_path, hub.url)["model"] == first["model"]
    assert not any("resolve" in request for request in hub.requests)


def test_the_config_alone_is_downloaded_before_the_model(hub: Hub, tmp_path: Path) -> None:
    assert fetch(tmp_path, hub.url, module="fetch_config")["status"] == "ok"
    (snapshot,) = (tmp_path / "hub" / "models--org--tiny" / "snapshots").iterdir()
    assert [path.name for path in snapshot.iterdir()] == ["config.json"]
    assert not any(".safetensors" in request for request in hub.requests)
    assert fetch(tmp_path, hub.url, module="fetch_config", base="org/none")["code"] == "model-not-found"
    assert fetch(tmp_path, hub.url)["status"] == "ok"


def test_a_complete_snapshot_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    first = fetch(tmp_path, hub.url)
    hub.server.shutdown()
    hub.server.server_close()
    again = fetch(tmp_path, hub.url)
    assert again["status"] == "ok" and again["model"] == first["model"]


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("model-not-found", {"base": "org/none"}),
        ("revision-missing", {"revision": "f" * 40}),
        ("revision-not-pinned", {"revision": "main"}),
        ("gated", {"base": "org/gated"}),
    ],
)
def test_errors_of_the_hub_have_their_codes(
    hub: Hub, tiny: Path, tmp_path: Path, code: str, params: dict[str, Any]
) -> None:
    hub.repositories["org/gated"] = tiny
    hub.gated = {"org/gated"}
    result = fetch(tmp_path, hub.url, **params)
    assert (result["status"], result["code"]) == ("failed", code), result
    assert result["help"] and "hf_secret" not in json.dumps(result)
    assert result["model"] is None


def test_a_missing_model_without_network_fails(tmp_path: Path) -> None:
    assert fetch(tmp_path, "http://127.0.0.1:9")["code"] == "offline"


def test_pickled_weights_fail_before_a_download(hub: Hub, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_bytes((tiny / "config.json").read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    hub.repositories["org/pickled"] = folder
    assert fetch(tmp_path, hub.url, base="org/pickled")["code"] == "pickled-weights"
    assert not any("resolve" in request for request in hub.requests)


def test_weights_that_differ_from_the_listing_fail(hub: Hub, tmp_path: Path) -> None:
    hub.wrong_digest = True
    assert fetch(tmp_path, hub.url)["code"] == "download-damaged"


@pytest.mark.parametrize("module", ["fetch", "fetch_config"])
def test_a_hub_that_names_a_file_outside_the_cache_writes_none(hub: Hub, tmp_path: Path, module: str) -> None:
    hub.etag = "../../../outside/evil.pth"
    result = fetch(tmp_path, hub.url, module=module)
    assert result["code"] == "hub-error" and "outside/evil.pth" in result["message"], result
    assert not (tmp_path / "outside").exists()


def test_a_listing_that_names_a_file_outside_the_cache_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.listing = {"siblings": [{"rfilename": "config.json", "lfs": {"sha256": "/etc/passwd"}}]}
    assert fetch(tmp_path, hub.url)["code"] == "hub-error"


def test_a_local_folder_is_described_and_checked(tiny: Path, tmp_path: Path) -> None:
    local: dict[str, Any] = {"base": "local", "revision": None, "origin": "local"}
    result = fetch(tmp_path, "http://127.0.0.1:9", tiny, **local)
    assert result["status"] == "ok" and result["model"]["base"] == "local"
    assert fetch(tmp_path, "http://127.0.0.1:9", tmp_path / "none", **local)["code"] == "model-missing"
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny, damaged)
    (damaged / "tokenizer.json").unlink()
    assert fetch(tmp_path, "http://127.0.0.1:9", damaged, **local)["code"] == "model-incomplete"
