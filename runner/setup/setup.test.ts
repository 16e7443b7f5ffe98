import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { huggingFaceCache } from "../hub/places.ts";
import { doctorText } from "../terminal/doctor.ts";
import { cacheRoot } from "./cache.ts";
import { doctor } from "./doctor.ts";
import { environmentPython, environmentStatus, lockFile, lockOf } from "./environments.ts";
import { childEnvironment, splitLock } from "./install.ts";
import { bundledModelDir, bundledModelState, hubModelDir, makerOf } from "./models.ts";
import { choosePython, findPythons } from "./python.ts";
import { chooseTorch, wheelSources } from "./torch.ts";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const gpu = { index: 0, uuid: "GPU-1", name: "Tesla T4", memory: 15 * 2 ** 30, capability: "7.5" };

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "exp-setup-"));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

const here = () => ({ packageRoot, env: { EXP_CACHE: cache, HOME: cache }, cwd: cache });

/** An environment as setting up leaves it, for a lock digest. */
function pretend(torch: string, lock: string): void {
  const dir = join(cache, "envs", "torchtune");
  mkdirSync(join(dir, "bin"), { recursive: true });
  writeFileSync(join(dir, "bin", "python"), "");
  writeFileSync(join(dir, "stamp.json"), JSON.stringify({ schema: 1, torch, lock, python: "3.11.7", installer: "uv" }));
}

async function digest(path: string): Promise<string> {
  const { createHash } = await import("node:crypto");
  const { readFileSync } = await import("node:fs");
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

describe("paths", () => {
  it("uses EXP_CACHE, XDG_CACHE_HOME or the home folder as cache, in this order", () => {
    expect(cacheRoot({ EXP_CACHE: "/c", XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe("/c");
    expect(cacheRoot({ XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe("/x/exp");
    expect(cacheRoot({ HOME: "/h" })).toBe("/h/.cache/exp");
  });

  it("finds hub models by the rule of the Hugging Face libraries", () => {
    const at = (env: NodeJS.ProcessEnv) => hubModelDir("org/name", "abc", { HOME: "/h", ...env });
    expect(at({})).toBe("/h/.cache/huggingface/hub/models--org--name/snapshots/abc");
    expect(at({ HF_HOME: "/f" })).toBe("/f/hub/models--org--name/snapshots/abc");
    expect(at({ HF_HOME: "/f", HUGGINGFACE_HUB_CACHE: "/old" })).toBe("/old/models--org--name/snapshots/abc");
    expect(huggingFaceCache({ HF_HUB_CACHE: "~/new", HUGGINGFACE_HUB_CACHE: "/old", HOME: "/h" })).toBe("/h/new");
    expect(huggingFaceCache({ HF_HOME: "~/f", HOME: "/h" })).toBe("/h/f/hub");
    expect(huggingFaceCache({ HF_HOME: "$SCRATCH/${NAME}/$OTHER", SCRATCH: "/s", NAME: "me" })).toBe(
      "/s/me/$OTHER/hub",
    );
  });
});

describe("the state of an environment", () => {
  it("is missing without a stamp, with a help that names the command", () => {
    expect(environmentStatus("torchtune", here()).state).toBe("missing");
    expect(() => environmentPython("torchtune", here())).toThrow(
      expect.objectContaining({ code: "environment-missing", help: "run exp setup torchtune" }),
    );
  });

  it("is stale once the lock file has changed, and ok while it is the same", async () => {
    pretend("cpu", "0".repeat(64));
    expect(environmentStatus("torchtune", here()).state).toBe("stale");
    pretend("of another version" as "cpu", "0".repeat(64));
    expect(environmentStatus("torchtune", here()).state).toBe("stale");
    pretend("cpu", await digest(join(packageRoot, "recipes/locks/torchtune-cpu.lock")));
    expect(environmentStatus("torchtune", here()).state).toBe("ok");
    expect(environmentPython("torchtune", here())).toBe(join(cache, "envs/torchtune/bin/python"));
  });

  it("has the lock file of the existing build, else of the build for the GPUs", () => {
    expect(lockFile("torchtune", here(), { gpus: [] })).toMatch(/torchtune-cpu\.lock$/);
    expect(lockFile("torchtune", here(), { gpus: [gpu] })).toMatch(/torchtune-cuda\.lock$/);
    pretend("cuda", "");
    expect(lockFile("torchtune", here(), { gpus: [] })).toMatch(/torchtune-cuda\.lock$/);
  });

  it("takes one package out of a lock file", () => {
    const lock = join(packageRoot, "recipes/locks/torchtune-cpu.lock");
    expect(lockOf("torchtune", lock)).toMatch(/^torchtune==0\.6\.1 \\\n( {4}--hash=sha256:[0-9a-f]{64}( \\)?\n)+$/);
    expect(lockOf("torch", lock).match(/^torch==/gm)).toHaveLength(2);
  });
});

describe("the build of torch", () => {
  it("follows the request, then the GPUs, and gives the reason", () => {
    expect(chooseTorch("cuda", []).torch).toBe("cuda");
    expect(chooseTorch(undefined, [gpu])).toEqual({ torch: "cuda", why: "this machine has Tesla T4" });
    expect(chooseTorch(undefined, []).torch).toBe("cpu");
  });

  it("counts only wheels of the locked version and this processor", () => {
    for (const name of [
      "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
      "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl",
      "torch-2.12.0+cpu-cp313-cp313-manylinux_2_28_x86_64.whl",
    ]) {
      writeFileSync(join(cache, name), "");
    }
    const where = { packageRoot, env: { PIP_FIND_LINKS: `${cache} /nowhere` } };
    expect(wheelSources(where, "x86_64.whl")).toEqual({ links: [cache, "/nowhere"], tags: ["cp311"], hasIndex: false });
    expect(wheelSources({ packageRoot, env: { PIP_EXTRA_INDEX_URL: "x" } }).hasIndex).toBe(true);
  });

  it("passes pip's settings to uv, unless uv has its own", () => {
    const env = childEnvironment({ PIP_INDEX_URL: "a", UV_INDEX: "b", PIP_EXTRA_INDEX_URL: "c", PYTHONPATH: "d" });
    expect(env).toMatchObject({ UV_DEFAULT_INDEX: "a", UV_INDEX: "b" });
    expect(env).not.toHaveProperty("PYTHONPATH");
  });
});

describe("a lock file", () => {
  it("lists the packages that are built from source; all others are wheels", async () => {
    const { readFileSync } = await import("node:fs");
    const read = (name: string) => readFileSync(join(packageRoot, "recipes/locks", name), "utf8");
    expect(splitLock(read("torchtune-cpu.lock")).sources).toBe("");
    const { wheels, sources } = splitLock(read("axolotl-cpu.lock"));
    expect(sources.match(/^\S+?(?===)/gm)).toContain("axolotl-contribs-mit");
    expect(wheels).toContain("\naxolotl==0.19.0 ");
    expect(wheels + sources).not.toContain("--no-binary");
    expect(wheels).not.toContain("axolotl-contribs-mit");
  });
});

describe("the interpreter", () => {
  const answers: Record<string, unknown> = {
    "python3.12": ["/p/3.12", [3, 12, 1], true],
    "python3.11": ["/p/3.11", [3, 11, 7], true],
    python3: ["/p/3.9", [3, 9, 2], true],
    bare: ["/p/bare", [3, 12, 3], false],
  };
  const probe = async (file: string) => (file in answers ? JSON.stringify(answers[file]) : undefined);

  it("is the newest supported one; one with an available wheel is preferred", async () => {
    const pythons = await findPythons({}, probe);
    expect(choosePython(pythons, {}, []).version).toBe("3.12.1");
    expect(choosePython(pythons, {}, ["cp311"]).path).toBe("/p/3.11");
  });

  it("is only EXP_PYTHON if that is set; the error names the reason", async () => {
    const old = { EXP_PYTHON: "python3" };
    const bare = { EXP_PYTHON: "bare" };
    const oldPythons = await findPythons(old, probe);
    const barePythons = await findPythons(bare, probe);
    expect(() => choosePython(oldPythons, old, [])).toThrow(
      /no Python 3\.11 to 3\.13 in EXP_PYTHON=python3, only 3\.9\.2/,
    );
    expect(() => choosePython(barePythons, bare, [])).toThrow(expect.objectContaining({ code: "python-without-venv" }));
    expect(() => choosePython([], {}, [])).toThrow(expect.objectContaining({ code: "no-python" }));
  });
});

describe("a bundled model", () => {
  it("is ready if every file has its size and the stamp matches the present package and code", () => {
    const dir = bundledModelDir("smollm2-135m", here().env);
    mkdirSync(dir, { recursive: true });
    expect(bundledModelState("smollm2-135m", here())).toBe("missing");
    writeFileSync(join(dir, "model.json"), JSON.stringify({ files: { "model.safetensors": { size: 3 } } }));
    writeFileSync(join(dir, "model.safetensors"), "abc");
    expect(bundledModelState("smollm2-135m", here())).toBe("stale");
    writeFileSync(join(dir, ".made-by"), "0".repeat(64));
    expect(bundledModelState("smollm2-135m", here())).toBe("stale");
    writeFileSync(join(dir, ".made-by"), makerOf("smollm2-135m", here()));
    expect(bundledModelState("smollm2-135m", here())).toBe("ok");
    writeFileSync(join(dir, "model.safetensors"), "ab");
    expect(bundledModelState("smollm2-135m", here())).toBe("missing");
  });
});

describe("the doctor", () => {
  const bare = {
    probe: async () => undefined,
    machine: async () => ({ cores: 2, memory: 24e9, gpus: [] }),
    freeSpace: () => 50e9,
    node: "20.20.2",
  };

  it("lists what a bare machine lacks and what to do", async () => {
    const report = await doctor(here(), bare);
    const { findings, runs, methods, engines } = report;
    const state = Object.fromEntries(findings.map(({ name, state }) => [name, state]));
    expect(state).toMatchObject({
      Node: "ok",
      Python: "missing",
      GPU: "warn",
      "environment torchtune": "missing",
      "environment axolotl": "warn",
    });
    expect(findings.filter(({ state, help }) => state === "missing" && help === undefined)).toEqual([]);
    expect(runs.every(({ possible }) => !possible)).toBe(true);
    expect(methods.find(({ backend, method }) => `${backend} ${method}` === "torchtune lora")).toMatchObject({
      cpu: expect.arrayContaining(["fp32"]),
      here: null,
      why: "run exp setup torchtune",
    });
    expect(engines).toContainEqual(expect.objectContaining({ engine: "vllm", here: false }));
    expect(engines).toContainEqual(expect.objectContaining({ engine: "replay", here: true }));
    const families = Object.fromEntries(report.families.map(({ models, ...support }) => [models, support]));
    expect(families["Qwen3 with experts (30B-A3B)"]).toMatchObject({
      backends: { torchtune: "no", axolotl: "targets" },
      engines: { transformers: "yes" },
    });
    expect(families["Gemma 3 from 4B, MedGemma"]?.backends).toMatchObject({ torchtune: "yes", axolotl: "no" });
    const text = doctorText(report, { columns: Number.POSITIVE_INFINITY });
    expect(text).toContain("run exp setup torchtune");
    expect(text.split("\n").every((line) => line.length < 200)).toBe(true);
  });

  it("shows no token, and that torchtune does not train in fp16", async () => {
    const where = { ...here(), env: { ...here().env, HF_TOKEN: "hf_secret" } };
    const machine = async () => ({ cores: 4, memory: 12e9, gpus: [gpu] });
    const report = await doctor(where, { ...bare, machine, node: "18.0.0" });
    expect(JSON.stringify(report)).not.toContain("hf_secret");
    expect(report.findings.find(({ name }) => name === "Node")?.state).toBe("missing");
    expect(report.findings.find(({ name }) => name === "Hugging Face token")?.state).toBe("ok");
    expect(report.runs.find(({ what }) => what.includes("torchtune"))?.possible).toBe(false);
  });

  it("finds the token of a login, wherever models are cached", async () => {
    writeFileSync(join(cache, "token"), "hf_secret\n");
    const env = { ...here().env, HF_TOKEN: "", HF_HOME: cache, HF_HUB_CACHE: "/shared/hub" };
    const { findings } = await doctor({ ...here(), env }, bare);
    expect(findings.find(({ name }) => name === "Hugging Face token")?.state).toBe("ok");
    expect(JSON.stringify(findings)).not.toContain("hf_secret");
  });
});
