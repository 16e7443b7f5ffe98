/** `exp upload` of a real adapter to a simulated hub, read back by the hub's Python library. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect } from "vitest";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import { prepareDatasetRelease } from "../publishing/release/dataset-release.ts";
import { findRun } from "../runs/finished-runs.ts";
import type { Manifest } from "../runs/manifest.ts";
import { environmentDir } from "../setup/cache.ts";
import { expectFailure } from "./command.ts";
import { HubServer } from "./hub-server.ts";
import { reseal } from "./reseal.ts";
import { Rig, test } from "./rig.ts";

const file = "experiments/tuned.yaml";
const repo = "me/tiny-tuned";
const upload = `upload: {repo: ${repo}, base_license: apache-2.0, base_model: Qwen/Qwen3-0.6B, language: [en], tags: [medical], authors: [Ada Lovelace]}`;

let server: HubServer;
let token: string;
/** The finished study without an upload; each test uses a copy. */
let finished: Rig;
let manifest: string;

beforeAll(async () => {
  server = await new HubServer().open();
  token = server.addUser("me");
  finished = new Rig();
  finished.usePython();
  finished.addTinyModel("qwen3", "models/tiny");
  finished.edit(file, "baselines: [tfidf_svm]", "baselines: [most_frequent]");
  finished.append(file, `${upload}\n`);
  // Without an upload, no token is needed.
  finished.env = { ...finished.env, HF_ENDPOINT: server.url, HF_HOME: finished.path("hf") };
  ({ manifest } = await finished.build(file, "--no-upload"));
  expect(server.requests).toEqual([]);
}, 600_000);

afterAll(() => {
  server.close();
  finished.close();
});

beforeEach(() => {
  server.repos.clear();
  server.requests = [];
  server.faults.length = 0;
});

/** A copy of the finished study whose user has a token. */
function study(rig: Rig): Rig {
  const twin = finished.copy();
  rig.onClose(() => twin.close());
  twin.env = { ...twin.env, HF_TOKEN: token, HF_HOME: twin.path("hf"), EXP_CACHE: twin.path("cache") };
  return twin;
}

type UploadResult = {
  readonly status: string;
  readonly commit: string | null;
  readonly card?: string;
  readonly record: string | null;
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly sent: boolean }[];
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
};

async function uploaded(
  rig: Rig,
  ...args: readonly string[]
): Promise<UploadResult & { readonly code: number | null }> {
  const { code, stdout, stderr } = await rig.exp("upload", "tuned", "--json", ...args);
  expect(stderr).toBe("");
  expect(stdout).not.toContain(token);
  return { ...(JSON.parse(stdout) as UploadResult), code };
}

const codes = ({ reasons }: UploadResult): readonly string[] => reasons.map(({ code }) => code).sort();

describe("a finished run", () => {
  test("is uploaded once, read back byte for byte, and not sent again", async ({ rig }) => {
    const own = study(rig);
    const sealed = own.tree("artifacts/runs");
    const first = await uploaded(own);
    expect(first).toMatchObject({ code: 0, status: "uploaded", reasons: [] });
    expect(first.files.every(({ sent }) => sent)).toBe(true);
    expect(server.repos.get(repo)).toMatchObject({ private: true, sha: first.commit });

    const target = own.path("back");
    const python = join(environmentDir("torchtune"), "bin/python");
    const script = `
import json, sys
from huggingface_hub import ModelCard, snapshot_download
folder = snapshot_download("${repo}", local_dir=sys.argv[1])
card = ModelCard.load(folder + "/README.md").data
results = [[r.metric_type, r.metric_value, r.metric_args] for r in card.eval_results]
print(json.dumps([card.base_model, card.license, card.library_name, card.tags, card.language, card.metrics, results]))
`;
    const env = { ...process.env, HF_ENDPOINT: server.url, HF_TOKEN: token, HF_HOME: own.path("hf") };
    // This process is the server: a synchronous call would block its responses.
    const { stdout } = await promisify(execFile)(python, ["-c", script, target], { env });
    const [base, license, library, tags, language, metrics, results] = JSON.parse(
      stdout.trim().split("\n").at(-1) as string,
    );
    expect([base, license, library, tags]).toEqual([
      "Qwen/Qwen3-0.6B",
      "apache-2.0",
      "peft",
      expect.arrayContaining(["lora", "medical"]),
    ]);
    expect([language, metrics]).toEqual([["en"], ["f1", "exact_match"]]);
    expect(readFileSync(join(target, "README.md"), "utf8")).toMatch(
      /```bibtex\n@misc\{[\s\S]*author = \{\{Ada Lovelace\}\}/,
    );
    for (const { path, sha256 } of first.files) {
      expect(
        createHash("sha256")
          .update(readFileSync(join(target, path)))
          .digest("hex"),
        path,
      ).toBe(sha256);
    }
    const { arms, intervals, steps } = own.manifest(manifest);
    const ends = intervals.tuned?.canonical.micro_f1;
    expect(results[0]).toEqual([
      "f1",
      arms.tuned?.canonical.micro_f1,
      { average: "micro", interval: [ends?.low, ends?.high], level: 0.95, method: ends?.method },
    ]);
    const adapter = steps.train?.files["adapter/adapter_model.safetensors"]?.sha256;
    expect(first.files.find(({ path }) => path === "adapter_model.safetensors")?.sha256).toBe(adapter);
    expect(readFileSync(join(target, "README.md"), "utf8")).toContain(adapter);

    server.requests = [];
    expect(await uploaded(own)).toMatchObject({ code: 0, status: "unchanged", commit: first.commit });
    expect(server.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
    expect(server.repos.get(repo)?.log).toHaveLength(1);

    // The record of the upload is next to the run, whose files do not change.
    const now = own.tree("artifacts/runs");
    const record = Object.keys(now).filter((name) => !(name in sealed));
    expect(record).toEqual([expect.stringMatching(/^tuned\/[0-9a-f]{8}\.upload\.json$/)]);
    expect(now).toMatchObject(sealed);
    const { uploads } = own.readJson(`artifacts/runs/${record[0]}`) as { uploads: readonly object[] };
    expect(uploads).toEqual([expect.objectContaining({ repo, commit: first.commit, private: true })]);
  });

  test("no data are uploaded: only listed files, and none contains a row", async ({ rig }) => {
    const own = study(rig);
    const { files } = await uploaded(own);
    expect(files.map(({ path }) => path).sort()).toEqual(
      [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "evaluation/comparison.json",
        "evaluation/most_frequent/metrics.json",
        "evaluation/tuned/metrics.json",
        "evaluation/zero_shot/metrics.json",
      ].concat(["labels.json", "manifest.json", "model.json", "prompts/ask.hbs", "prompts/messages.json"]),
    );
    for (const { path } of files) {
      const text = server.bytes(repo, path).toString("latin1");
      expect(text, path).not.toMatch(/shows a \d+ mm|Report \d+/);
      expect(text, path).not.toContain(own.folder);
      expect(text, path).not.toContain(token);
    }
    const messages = JSON.parse(server.bytes(repo, "prompts/messages.json").toString());
    expect(messages).toEqual([
      { role: "system", content: "Name the diagnoses." },
      { role: "user", content: "{{input}}" },
    ]);
    const config = JSON.parse(server.bytes(repo, "adapter_config.json").toString());
    expect(config).toMatchObject({ base_model_name_or_path: "Qwen/Qwen3-0.6B", peft_type: "LORA" });
  });

  test("--dry-run shows the files and sends nothing", async ({ rig }) => {
    const own = study(rig);
    const output = await own.output("upload", "tuned", "--dry-run");
    expect(output).toMatch(/^README\.md:\n\n---\nlanguage:\n {2}- en\nbase_model: Qwen\/Qwen3-0\.6B\n/);
    expect(output).toMatch(/^ +\S+ +\d+ {2}adapter_model\.safetensors$/m);
    expect(output).toMatch(/\b12 of 12 files\b/);
    expect(server.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
    expect(Object.keys(own.tree("artifacts/runs")).filter((name) => name.endsWith(".upload.json"))).toEqual([]);
  });

  test("exp run uploads it after sealing", async ({ rig }) => {
    const own = study(rig);
    own.env = { ...own.env, EXP_CACHE: finished.env.EXP_CACHE };
    const output = await own.output("run", file);
    expect(output).toMatch(new RegExp(`\\b12 of 12 files\\b.*\\b${server.repos.get(repo)?.sha}\\n$`));
    const { events } = await own.build(file);
    expect(events.at(-1)).toMatchObject({ type: "upload", status: "unchanged", reasons: [] });
    expect(server.repos.get(repo)?.log).toHaveLength(1);
  });

  test("an interrupted upload is reported, and the next upload sends the remaining files", async ({ rig }) => {
    const own = study(rig);
    server.faults.push({ on: /commit/, times: 5, status: 503, headers: { "retry-after": "0" } });
    expect(await uploaded(own)).toMatchObject({ code: 1, status: "failed", reasons: [{ code: "hub-busy" }] });
    const { received } = server.storage;
    expect(await uploaded(own)).toMatchObject({ code: 0, status: "uploaded" });
    expect(server.storage.received).toBe(received);
  });
});

/** A copy of the study in which models are written in several shards. */
function sharded(rig: Rig, recipe: string): Rig {
  const own = study(rig);
  own.env = { ...own.env, EXP_CACHE: finished.env.EXP_CACHE };
  own.edit(join(own.ownPackage(), "recipes", recipe), /_SHARD = [\d_* ]+/, "_SHARD = 300_000\n");
  return own;
}

/** Reads a repository with Python: library, base and relation of the card, number of tensors in the index, and file names. */
async function readModel(own: Rig): Promise<readonly [string, string, string, number, readonly string[]]> {
  const script = `
import json, sys
from pathlib import Path
from huggingface_hub import ModelCard, snapshot_download
from safetensors import safe_open
folder = Path(snapshot_download("${repo}", local_dir=sys.argv[1]))
card = ModelCard.load(folder / "README.md").data
weights = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
for name, file in weights.items():
    with safe_open(folder / file, "pt") as opened:
        assert opened.get_tensor(name).isfinite().all()
names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
print(json.dumps([card.library_name, card.base_model, card.to_dict()["base_model_relation"], len(weights), names]))
`;
  const python = join(environmentDir("torchtune"), "bin/python");
  const env = { ...process.env, HF_ENDPOINT: server.url, HF_TOKEN: token, HF_HOME: own.path("hf") };
  const { stdout } = await promisify(execFile)(python, ["-c", script, own.path("back")], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) as string);
}

test("predictions are uploaded to a separate data set, without the inputs", async ({ rig }) => {
  const own = study(rig);
  own.env = { ...own.env, EXP_CACHE: finished.env.EXP_CACHE };
  own.edit(file, upload, upload.replace("}", ", predictions: me/tiny-answers}"));
  await own.build(file, "--no-upload");
  const result = (await uploaded(own)) as UploadResult & { readonly code: number; readonly predictions: UploadResult };
  expect([result.code, result.status, result.predictions.status]).toEqual([0, "uploaded", "uploaded"]);
  expect(result.predictions.files.map(({ path }) => path).sort()).toEqual([
    "README.md",
    "manifest.json",
    ...["most_frequent", "tuned", "zero_shot"].map((arm) => `predictions/${arm}.jsonl`),
  ]);
  expect(server.repos.get("me/tiny-answers")).toMatchObject({ private: true });
  const lines = server.bytes("me/tiny-answers", "predictions/zero_shot.jsonl").toString().trim().split("\n");
  const answers = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers.map(Object.keys)).toEqual(answers.map(() => ["id", "gold", "labels", "text"]));
  expect(lines.join()).not.toMatch(/shows a \d+ mm|Report \d+/);

  server.requests = [];
  const again = (await uploaded(own)) as typeof result;
  expect([again.code, again.status, again.predictions.status]).toEqual([0, "unchanged", "unchanged"]);
  expect(server.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
  const { uploads } = own.readJson(result.record as string) as { uploads: readonly { readonly type: string }[] };
  expect(uploads.map(({ type }) => type)).toEqual(["model", "dataset"]);
});

describe("a whole model", () => {
  test("merged from base and adapter is uploaded in shards; an interrupted upload sends no file twice", async ({
    rig,
  }) => {
    const own = sharded(rig, "steps/merge.py");
    own.edit(file, upload, upload.replace("}", ", content: merged}"));
    const run = await own.build(file, "--no-upload");
    expect(run.steps.train).toBe("reused");
    const files = Object.keys(own.manifest(run.manifest).steps.merge?.files ?? {});
    expect(files.filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(1);

    // All files are in storage when the commit fails: the next upload sends none of them.
    server.faults.push({ on: /commit/, times: 5, status: 503, headers: { "retry-after": "0" } });
    expect(await uploaded(own)).toMatchObject({ code: 1, status: "failed", reasons: [{ code: "hub-busy" }] });
    const { received } = server.storage;
    expect(await uploaded(own)).toMatchObject({ code: 0, status: "uploaded", reasons: [] });
    expect(server.storage.received).toBe(received);
    const [library, base, relation, tensors, names] = await readModel(own);
    expect([library, base, relation]).toEqual(["transformers", "Qwen/Qwen3-0.6B", "finetune"]);
    expect(tensors).toBeGreaterThan(10);
    expect(names).toEqual(
      expect.arrayContaining(["config.json", "generation_config.json", "merge.json", "tokenizer.json"]),
    );
    expect(names.filter((name) => name.startsWith("adapter"))).toEqual([]);

    server.requests = [];
    expect(await uploaded(own)).toMatchObject({ code: 0, status: "unchanged" });
    expect(server.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
  });

  test("is uploaded in another format with what it lost on validation rows, also searched for rows", async ({
    rig,
  }) => {
    const own = study(rig);
    own.env = { ...own.env, EXP_CACHE: finished.env.EXP_CACHE };
    own.edit(file, upload, upload.replace("}", ", formats: ['gguf:q8_0']}"));
    const validation = ["--set", "data.validation={fraction: 0.25}"];
    const run = await own.build(file, "--no-upload", ...validation);
    expect(Object.keys(run.steps)).toEqual(
      expect.arrayContaining(["merge", "export.gguf-q8_0", "generate.tuned@validation", "export_scores.gguf-q8_0"]),
    );
    expect(Object.keys(own.manifest(run.manifest).arms).sort()).toEqual(["most_frequent", "tuned", "zero_shot"]);
    expect(await uploaded(own)).toMatchObject({ code: 0, status: "uploaded", reasons: [] });
    const bytes = (name: string): Buffer => Buffer.from(server.bytes(repo, `gguf-q8_0/${name}`));
    expect(bytes("model.gguf").subarray(0, 4).toString()).toBe("GGUF");
    expect(bytes("Modelfile").toString()).toMatch(/^FROM \.\/model\.gguf\n(?:.|\n)*SYSTEM """Name the diagnoses\."""/);
    const { n, arms } = JSON.parse(bytes("scores.json").toString()) as Pick<Comparison, "n" | "arms">;
    expect([n, Object.keys(arms)]).toEqual([12, ["tuned", "gguf-q8_0"]]);
    const card = server.bytes(repo, "README.md").toString();
    const line = card.split("\n").find((one) => one.includes("gguf-q8_0/model.gguf` | q8_0")) ?? "";
    for (const arm of ["tuned", "gguf-q8_0"]) {
      const { value, low, high } = arms[arm]?.micro_f1 ?? {};
      for (const number of [value, low, high]) expect(line, arm).toContain(number?.toFixed(3));
    }
    // Equal answers have a difference without an interval.
    expect(line).toMatch(/\| [+−]\d\.\d{3}(?: \[[^\]]+\])? \|$/);
    expect(card).toContain("on 12 validation rows");

    const folder = dirname(run.manifest);
    const { input } = JSON.parse(own.read(join(folder, "data/test.jsonl")).split("\n", 1)[0] as string);
    own.overwrite(join(folder, "gguf-q8_0/exported/Modelfile"), `FROM ./model.gguf\nSYSTEM """${input}"""\n`);
    expect((await uploaded(own)).reasons.map(({ code, message }) => `${code}: ${message}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^leak-row: gguf-q8_0\/Modelfile contains text of row/),
        expect.stringMatching(/^file-altered: /),
      ]),
    );
  }, 600_000);

  test("from full fine-tuning is uploaded without a merge", async ({ rig }) => {
    const own = sharded(rig, "torchtune/weights.py");
    own.edit(file, "  method: lora\n  rank: 4\n", "  method: full\n");
    const run = await own.build(file, "--no-upload");
    expect(await uploaded(own)).toMatchObject({ code: 0, status: "uploaded", reasons: [] });
    const [library, , relation, tensors, names] = await readModel(own);
    expect([library, relation]).toEqual(["transformers", "finetune"]);
    expect(tensors).toBeGreaterThan(10);
    const trained = Object.entries(own.manifest(run.manifest).steps.train?.files ?? {});
    const files = trained.filter(([name]) => name.startsWith("model/"));
    expect(files.length).toBeGreaterThan(2);
    for (const [name, { sha256 }] of files) {
      const back = readFileSync(join(own.path("back"), name.slice("model/".length)));
      expect(createHash("sha256").update(back).digest("hex"), name).toBe(sha256);
    }
    expect(names.filter((name) => name.startsWith("adapter"))).toEqual([]);
    expect(server.bytes(repo, "README.md").toString()).toContain("full fine-tuning");
  });
});

describe("an upload is refused", () => {
  test("if a text contains a row, a path or a secret: all are reported, and nothing is sent", async ({ rig }) => {
    const own = study(rig);
    const row = own.read("experiments/data/train.csv").split('"')[1] as string;
    const secret = `hf_${"Abc123Def4".repeat(3)}`;
    own.append(file, `description: "${row} See ${own.path("notes.txt")} with ${secret}"\n`);
    own.env = { ...own.env, EXP_CACHE: finished.env.EXP_CACHE };
    await own.build(file, "--no-upload");
    const result = await uploaded(own);
    expect(result).toMatchObject({ code: 3, status: "refused", commit: null });
    // In the card and in the manifest.
    expect(codes(result)).toEqual(["leak-path", "leak-path", "leak-row", "leak-row", "leak-secret", "leak-secret"]);
    expect(JSON.stringify(result.reasons)).not.toContain(secret);
    expect(server.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
    const human = await own.exp("upload", "tuned");
    expectFailure(human, 3, "leak-row", /README\.md .*\btrain-0\b.*\[leak-row\]\n {4}help: /);
  });

  test("if the template or a file has changed", async ({ rig }) => {
    const own = study(rig);
    own.edit("prompts/ask.hbs", "Name the", "Name all");
    const { steps } = own.manifest(manifest);
    own.overwrite(`artifacts/store/objects/${steps.train?.object}/adapter/adapter_model.safetensors`, "other");
    own.remove(`artifacts/store/objects/${steps["evaluate.zero_shot"]?.object}/metrics.json`);
    expect(codes(await uploaded(own))).toEqual(["file-altered", "file-gone", "file-gone", "template-changed"]);
  });

  test("if the manifest and the results disagree", async ({ rig }) => {
    const own = study(rig);
    const path = relative(finished.path("."), manifest);
    const text = own.read(path);
    const changed = JSON.parse(text) as Manifest;
    const [interval] = Object.values(changed.intervals.tuned?.raw ?? {});
    Object.assign(interval as object, { low: 0.999 });
    own.write(path, reseal(JSON.stringify(changed)));
    const result = await uploaded(own);
    expect(codes(result)).toEqual(["run-damaged"]);
    expect(result.reasons[0]?.message).toContain("intervals");
    own.write(path, text);
    own.overwrite(`artifacts/store/objects/${changed.steps["evaluate.tuned"]?.object}/metrics.json`, "{}");
    expect(codes(await uploaded(own))).toEqual(["run-damaged"]);
  });

  test("without write access", async ({ rig }) => {
    const own = study(rig);
    const scoped = (name: string) => ({ fineGrained: { scoped: [{ entity: { name }, permissions: ["repo.write"] }] } });
    const tokens: readonly (readonly [string | undefined, readonly string[]])[] = [
      ["secret-of-someone", ["hub-token"]],
      ["hf_nobody0000000000", ["hub-token"]],
      [server.addUser("me", "read"), ["hub-token"]],
      [server.addUser("you"), ["hub-token"]],
      [server.addUser("me", "fineGrained", scoped("me/other")), ["hub-token"]],
      [server.addUser("me", "fineGrained", scoped(repo)), []],
    ];
    for (const [given, expected] of tokens) {
      own.env = { ...own.env, HF_TOKEN: given };
      const result = await uploaded(own, "--dry-run");
      expect(codes(result)).toEqual(expected);
      if (given !== undefined) expect(JSON.stringify(result)).not.toContain(given);
    }
  });

  test("to a public repository, and to one with another model", async ({ rig }) => {
    const own = study(rig);
    const other = server.addRepo(repo, false);
    other.files.set("model.safetensors", { size: 1, oid: "0", bytes: Buffer.from("1") });
    expect(codes(await uploaded(own))).toEqual(["repo-occupied", "repo-public"]);
  });

  test("with exit code 1 if the hub cannot be reached", async ({ rig }) => {
    const own = study(rig);
    own.env = { ...own.env, HF_ENDPOINT: "http://127.0.0.1:9" };
    expectFailure(await own.exp("upload", "tuned"), 1, "offline", "127.0.0.1:9");
    // A dry run needs neither the hub nor a token.
    const checks = ["hub-token", "repo-public", "repo-occupied"];
    for (const given of [token, undefined]) {
      own.env = { ...own.env, HF_TOKEN: given };
      const dry = await uploaded(own, "--dry-run");
      expect(dry).toMatchObject({ code: 0, status: "would-upload", reasons: [], unchecked: checks });
    }
    expect(codes(await uploaded(own))).toEqual(["hub-token"]);
  });

  test("for a local base without a name, and without a licence", async ({ rig }) => {
    const own = study(rig);
    own.env = { ...own.env, EXP_CACHE: finished.env.EXP_CACHE };
    own.edit(file, upload, `upload: {repo: ${repo}}`);
    await own.build(file, "--no-upload");
    expect(codes(await uploaded(own))).toEqual(["base-unnamed", "card-invalid"]);
  });
});

test("a run without an upload section, an unknown run and a run without a model are errors", async ({ rig }) => {
  await rig.build("experiments/study.yaml");
  expectFailure(await rig.exp("upload", "study"), 2, "no-upload", "experiments/study.yaml");
  expectFailure(await rig.exp("upload", "nothing"), 2, "run-not-found");
  rig.append("experiments/study.yaml", "upload: {repo: me/x, base_license: mit}\n");
  expectFailure(await rig.exp("run", "experiments/study.yaml"), 3, "no-model");
});

test("an answer that quotes a row is published as null", async ({ rig }) => {
  const text = rig.read("experiments/data/test.csv").split('"')[1] as string;
  rig.edit(
    "experiments/data/answers.jsonl",
    '{"id":"test-0","text":"unknown"}',
    JSON.stringify({ id: "test-0", text }),
  );
  const { manifest: sealed } = await rig.build("experiments/study.yaml");
  const { release, failed } = await prepareDatasetRelease(
    findRun(sealed, rig.path("artifacts"), rig.folder),
    { repo: "me/model", private: true, content: "adapter", predictions: "me/answers" },
    {
      roots: [rig.folder],
      cache: rig.path("hf"),
      digest: (path) => createHash("sha256").update(readFileSync(path)).digest("hex"),
      own: [rig.folder],
      redact: (one) => one,
    },
  );
  expect(failed).toEqual([]);
  const texts = Object.fromEntries(
    (release?.files ?? []).map(({ path, content }) => [path, "text" in content ? content.text : ""]),
  );
  const [first, second] = (texts["predictions/zero_shot.jsonl"] ?? "")
    .split("\n")
    .map((line) => line && JSON.parse(line));
  expect(first).toMatchObject({ id: "test-0", gold: ["liver stone", "follow-up"], labels: [], text: null });
  expect(second).toMatchObject({ id: "test-1", text: "kidney mass" });
  expect(texts["README.md"]).toMatch(/`null`.*\b1 answer\b/);
  expect(Object.values(texts).join()).not.toContain(text);
});

test("exp run does not upload the runs of a sweep", async ({ rig }) => {
  rig.append(
    "experiments/study.yaml",
    "upload: {repo: me/x, base_license: mit}\nsweep:\n  grid: {data.train.limit: [20, 30]}\n",
  );
  const { code, stdout } = await rig.exp("run", "experiments/study.yaml");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/\b2 runs\b.*not uploaded/)]);
});
