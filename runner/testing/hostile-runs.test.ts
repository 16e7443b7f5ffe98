/**
 * Runs whose files an attacker changed and gave matching digests: each command refuses them or reads them, and none
 * crashes.
 */
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect } from "vitest";
import { main } from "../main.ts";
import { placeOf } from "../project/place.ts";
import { checklistOf } from "../reporting/checklist/checklist.ts";
import { readmeOf } from "../reporting/checklist/readme.ts";
import { checklistInputOf } from "../reporting/export/checklist-input.ts";
import { studyOf } from "../reporting/export/finished-study.ts";
import { casesOf } from "../reporting/facts/cases.ts";
import { renderBlocks } from "../reporting/render/html/document.ts";
import { reportOf } from "../reporting/report/report.ts";
import { readRun } from "../runs/finished-runs.ts";
import type { Manifest } from "../runs/manifest.ts";
import { outputFolder, runDigits } from "../runs/run-folder.ts";
import { type Digests, listingDigest, openDigests } from "../store/digest.ts";
import { sha256 } from "../util/canonical.ts";
import { UserError } from "../util/user-error.ts";
import { type CommandResult, expectFailure } from "./command.ts";
import { addComparedStudy } from "./compared-study.ts";
import { reseal } from "./reseal.ts";
import { type Rig, test } from "./rig.ts";

type Changeable = { -readonly [Key in keyof Manifest]: Manifest[Key] };
type Path = readonly (string | number)[];

/** A run that was copied into `downloads/`, as from an archive. */
class Download {
  readonly own: Manifest;
  readonly #rig: Rig;

  constructor(rig: Rig, manifest: string) {
    this.#rig = rig;
    cpSync(dirname(manifest), rig.path("downloads"), { recursive: true, dereference: true });
    this.own = JSON.parse(rig.read("downloads/manifest.json")) as Manifest;
  }

  /** Writes a changed manifest with the name and the digest that an attacker can compute. */
  writeManifest(change: (manifest: Changeable) => void): void {
    const manifest = structuredClone(this.own) as Changeable;
    change(manifest);
    manifest.run = runDigits(manifest.config, manifest.steps);
    this.#rig.overwrite("downloads/manifest.json", reseal(JSON.stringify(manifest)));
  }

  /** Writes a result file of a step, and a manifest with its digest. */
  writeResult(step: string, name: string, text: string): void {
    this.#rig.overwrite(join("downloads", outputFolder(step), name), text);
    this.writeManifest((manifest) => {
      const { files } = this.own.steps[step] as Manifest["steps"][string];
      const all = { ...files, [name]: { sha256: sha256(text), size: Buffer.byteLength(text) } };
      Object.assign(manifest.steps[step] as object, { object: listingDigest(all), files: all });
    });
  }
}

/** Runs a command in this process. Throws on a bug. */
async function run(rig: Rig, ...argv: readonly string[]): Promise<CommandResult> {
  let [stdout, stderr] = ["", ""];
  const env = { HOME: rig.folder, EXP_CACHE: rig.path("../cache"), XDG_CONFIG_HOME: rig.config };
  const code = await main(argv, {
    ...{ cwd: rig.folder, env },
    out(text) {
      stdout += text;
    },
    err(text) {
      stderr += text;
    },
  });
  return { code, signal: null, stdout, stderr };
}

/**
 * Reads everything of a run that reports and pages read, without drawing figures. Throws UserError for a refused run.
 */
async function readAll(rig: Rig, digests: Digests): Promise<void> {
  const place = placeOf(rig.folder);
  const study = studyOf([readRun(rig.path("downloads/manifest.json"))], { ...place, digests }, () => {});
  const { blocks } = reportOf(study);
  renderBlocks(
    blocks.filter(({ type }) => type !== "figure"),
    {},
    [],
  );
  const input = checklistInputOf(study);
  checklistOf(input);
  readmeOf(input);
  await casesOf(study.finished, study.runs, study.root);
}

describe("a result file of another form with matching digests", () => {
  test("ends in run-damaged or is read, whichever value of it was changed", async ({ rig }) => {
    addComparedStudy(rig);
    rig.edit("experiments/a.yaml", "baselines: []", "baselines: [most_frequent]");
    const { manifest } = await rig.build("experiments/a.yaml");
    const download = new Download(rig, manifest);
    const digests = openDigests(rig.path("../digests"));
    await readAll(rig, digests);
    const refused = new Map<string, number>();
    const seen = new Set<string>();
    for (const [step, { files }] of Object.entries(download.own.steps)) {
      for (const name of Object.keys(files).filter((one) => /\.jsonl?$/.test(one))) {
        const path = rig.path(join("downloads", outputFolder(step), name));
        const text = readFileSync(path, "utf8");
        const [line = "", ...rest] = name.endsWith(".jsonl") ? text.split("\n") : [text];
        for (const changed of line === "" ? [] : changesOf(name, JSON.parse(line), seen)) {
          download.writeResult(step, name, [JSON.stringify(changed), ...rest].join("\n"));
          try {
            await readAll(rig, digests);
          } catch (error) {
            if (!(error instanceof UserError))
              throw new Error(`${name}: ${JSON.stringify(changed).slice(0, 300)}`, { cause: error });
            refused.set(name, (refused.get(name) ?? 0) + 1);
          }
        }
        writeFileSync(path, text);
      }
    }
    expect(refused.get("metrics.json")).toBeGreaterThan(20);
    expect(refused.get("comparison.json")).toBeGreaterThan(15);
    expect(refused.get("analysis.json")).toBeGreaterThan(20);
    expect(refused.get("predictions.jsonl")).toBeGreaterThan(3);
  });

  test("is refused by each command that reads it", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    download.writeResult("evaluate.zero_shot", "predictions.jsonl", '{"id": 1}');
    for (const argv of [
      ["show", "downloads"],
      ["compare", "downloads"],
      ["diff", "study", "downloads"],
      ["report", "downloads"],
      ["export", "out", "downloads"],
      ["checklist", "downloads"],
    ])
      expectFailure(await run(rig, ...argv), 3, "run-damaged", "predictions.jsonl");
    const { code, stdout } = await run(rig, "verify", "downloads");
    expect([code, stdout]).toEqual([3, expect.stringContaining("predictions.jsonl does not have the form")]);
  });

  test("is refused if it has a number that no step writes, or too many levels", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const metrics = rig.read("downloads/zero_shot/metrics.json");
    for (const [before, after] of [
      [/"f1": [\d.]+/, '"f1": 1e300'],
      [/"n": 9/, '"n": 1e19'],
      [/"method": "\w+"/, '"method": "guess"'],
      [/"n": 9/, `"n": 9, "deep": ${"[".repeat(30_000)}${"]".repeat(30_000)}`],
    ] as const) {
      expect(metrics).toMatch(before);
      download.writeResult("evaluate.zero_shot", "metrics.json", metrics.replace(before, after));
      expectFailure(await run(rig, "show", "downloads"), 3, "run-damaged", "metrics.json");
    }
  });
});

describe("a folder from somewhere else", () => {
  test("may have links that form loops", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    new Download(rig, manifest);
    // Following each link would visit 2^40 folders.
    for (const name of ["a", "b"]) symlinkSync(".", rig.path(`downloads/${name}`));
    expect((await rig.exp("show", "downloads")).code).toBe(0);
    symlinkSync("/", rig.path("downloads/zero_shot/root"));
    expectFailure(await rig.exp("show", "downloads"), 3, "run-damaged", "zero_shot/root");
  });

  test("may have no file that its scores come from, and then they are not checked and not reproduced", async ({
    rig,
  }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const forge = (arm: string): void =>
      download.writeManifest((changed) => {
        const { arms, intervals } = changed;
        const scores = structuredClone(arms.zero_shot) as Record<string, Record<string, number>>;
        for (const view of Object.values(scores)) for (const metric of Object.keys(view)) view[metric] = 0.987;
        Object.assign(arms, { [arm]: scores });
        Object.assign(intervals, { [arm]: { raw: {}, basic: {}, canonical: {} } });
      });
    forge("tuned");
    expectFailure(await rig.exp("show", "downloads"), 3, "run-damaged", "arms of its manifest differs");
    forge("zero_shot");
    rmSync(rig.path("downloads/zero_shot"), { recursive: true });
    const { code, stderr } = await rig.exp("show", "downloads");
    expect([code, stderr]).toEqual([0, expect.stringContaining("nothing checks its scores of zero_shot")]);
    const repeated = await rig.exp("reproduce", "downloads");
    expect([repeated.code, repeated.stdout]).toEqual([
      3,
      expect.stringMatching(
        /micro_f1 \(canonical\): 0\.987 -> .*, NOT what the run's own files have\n(.*\n)*.*is NOT reproduced by/,
      ),
    ]);
  });

  test("may have a configuration without the numbers that reports print", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const { data, evaluate } = rig.manifest(manifest).config;
    for (const part of [
      { data: { ...data, labels: {} } },
      { data: { ...data, labels: { min_cases: "five" } } },
      { evaluate: { ...evaluate, bootstrap: {} } },
    ]) {
      download.writeManifest(({ config }) => Object.assign(config, { data, evaluate }, part));
      for (const command of ["show", "report"])
        expectFailure(await rig.exp(command, "downloads"), 2, "manifest-unreadable", "config is missing or invalid");
    }
  });

  test("may have a manifest that is a pipe, too large or too deep", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const path = rig.path("downloads/manifest.json");
    const commands = [
      ["show", "downloads"],
      ["compare", "downloads"],
      ["diff", "study", "downloads"],
      ["reproduce", "downloads"],
    ];
    const refuse = async (reason: RegExp): Promise<void> => {
      for (const argv of commands) expectFailure(await rig.exp(...argv), 2, "manifest-unreadable", reason);
      const { code, stdout } = await rig.exp("verify", "downloads");
      expect([code, stdout]).toEqual([3, expect.stringMatching(reason)]);
    };
    download.writeManifest(({ config }) => Object.assign(config.report, { deep: JSON.parse(nested(200)) }));
    await refuse(/too deeply/);
    const [head, tail] = rig.read("downloads/manifest.json").split(nested(200).slice(0, 100));
    rig.write("downloads/manifest.json", `${head}${nested(100_000)}${tail}`);
    expectFailure(await rig.exp("show", "downloads"), 2, "manifest-unreadable");
    truncateSync(path, 5 * 2 ** 30);
    await refuse(/larger than/);
    rmSync(path);
    execFileSync("mkfifo", [path]);
    await refuse(/regular file/);
  });

  test("brings only experiments, notes and files that it recorded into an export", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const secret = "TOKEN=a-secret";
    const files = [".env", "credentials.txt", ".ssh/notes.md", "prompts/own.hbs"] as const;
    for (const name of files) rig.write(name, `## Ethics\n\n${secret}\n`);
    for (const name of files) {
      download.writeManifest(({ config }) => {
        Object.assign(config.report, { notes: name, pdf: false, html: true });
        Object.assign(config.prompt, { template: name });
        Object.assign(config.data, { labels: { ...config.data.labels, synonyms: name } });
      });
      const { code } = await run(rig, "export", "out", "downloads", "--force");
      expect([name, code]).toEqual([name, 0]);
    }
    const out = readdirSync(rig.path("out"), { recursive: true, encoding: "utf8" });
    expect(out).toContain("experiments/study.yaml");
    for (const one of out.filter((path) => statSync(rig.path(`out/${path}`)).isFile()))
      expect(rig.read(`out/${one}`), one).not.toContain(secret);
  });

  test("adds no command to an export", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const { provenance } = rig.manifest(manifest);
    const refused: readonly (readonly [field: string, value: unknown])[] = [
      ["file", "experiments/x.yaml\nRUN owned\n.yaml"],
      ["experiment", "x; owned"],
      ["provenance", { ...provenance, locks: { "torchtune; owned #": "a" } }],
      ["provenance", { ...provenance, exp: "https://example.com/x.tgz" }],
      ["provenance", { ...provenance, git: { commit: "x; owned", dirty: false } }],
    ];
    for (const [field, value] of refused) {
      download.writeManifest((one) => Object.assign(one, { [field]: value }));
      const result = await run(rig, "export", "out", "downloads", "--force");
      expectFailure(result, 2, "manifest-unreadable", `${field} is missing or invalid`);
    }
    rig.write("experiments/a\nb.yaml", rig.read("experiments/study.yaml"));
    expectFailure(await run(rig, "check", "experiments/a\nb.yaml"), 2, "bad-file-name");
    download.writeManifest((one) => Object.assign(one, { file: "experiments/x; owned `$(owned)` ```$&.yaml" }));
    expect((await run(rig, "export", "out", "downloads", "--force")).code).toBe(0);
    const quoted = "'experiments/x; owned `$(owned)` ```$&.yaml'";
    expect(rig.read("out/README.md")).toContain(
      `\n\`\`\`\`\nnpx exp data ${quoted}\nnpx exp run ${quoted} --until data\n`,
    );
    for (const name of ["README.md", "Dockerfile"])
      for (const line of rig.read(`out/${name}`).split("\n"))
        if (/ (run|data|verify) .*owned/.test(line))
          expect([name, line]).toEqual([name, expect.stringContaining(quoted)]);
  });

  test("has no upload record of another form", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    new Download(rig, manifest);
    for (const uploads of ['"abc"', "[null]", '[{"repo": 1}]', "{}"]) {
      rig.write("downloads.upload.json", `{"uploads": ${uploads}}`);
      expect((await run(rig, "show", "downloads")).code, uploads).toBe(0);
      expect((await run(rig, "checklist", "downloads")).code, uploads).toBe(0);
    }
  });
});

describe("exp verify RUN", () => {
  test("reports each damaged field of a manifest and exits with 3", async ({ rig }) => {
    const { manifest: path } = await rig.build("experiments/study.yaml");
    const text = rig.read(path);
    const whole = JSON.parse(text) as Record<string, unknown>;
    const optional = ["sweep", "compared"];
    const damaged = Object.keys(whole)
      .filter((key) => !optional.includes(key))
      .flatMap((key) => [
        [key, JSON.stringify({ ...whole, [key]: undefined })],
        [key, JSON.stringify({ ...whole, [key]: 7 })],
        ...(["schema", "digest"].includes(key) ? [] : [[key, reseal(JSON.stringify({ ...whole, [key]: null }))]]),
      ]) as [string, string][];
    damaged.push(["text", "{"], ["list", "[]"], ["null", "null"], ["empty", ""]);
    for (const [key, changed] of damaged) {
      rig.overwrite(path, changed);
      const { code, stdout, stderr } = await run(rig, "verify", "study");
      const manifest = expect.stringContaining("manifest.json cannot be used");
      expect([key, code, stdout, stderr]).toEqual([key, 3, manifest, ""]);
      // The latest run of an experiment is not replaced by another one.
      expectFailure(await run(rig, "show", "study"), 2, codeOf(changed));
    }
    rig.overwrite(path, text);
    expect((await run(rig, "verify", "study")).code).toBe(0);
  });

  test("reports a lying digest of a file, an object or a source", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    const digest = sha256("other");
    const lies: readonly ((manifest: Changeable) => void)[] = [
      ({ steps }) => Object.assign(steps.data?.files["labels.json"] as object, { sha256: digest }),
      ({ steps }) => Object.assign(steps.data?.files["labels.json"] as object, { size: 1 }),
      ({ steps }) => Object.assign(steps.data as object, { object: digest }),
      ({ provenance }) => Object.assign(provenance.sources, { "experiments/data/test.csv": digest }),
      (own) => Object.assign(own, { cost: { ...own.cost, seconds: 1e6 } }),
      ({ config }) => Object.assign(config, { task: "no_such_task" }),
    ];
    for (const lie of lies) {
      download.writeManifest(lie);
      const { code, stderr } = await run(rig, "verify", "downloads");
      expect([lie.toString(), code, stderr]).toEqual([lie.toString(), 3, ""]);
    }
  });

  test("reads no file outside the study for a run from somewhere else", async ({ rig }) => {
    const { manifest } = await rig.build("experiments/study.yaml");
    const download = new Download(rig, manifest);
    rig.write("../secret", "x");
    const outside = ["/", "/dev/zero", "../secret", "/proc/self/environ"];
    download.writeManifest(({ provenance }) =>
      Object.assign(provenance.sources, Object.fromEntries(outside.map((path) => [path, sha256("x")]))),
    );
    const { code, stderr } = await rig.exp("verify", "downloads");
    expect(code).toBe(0);
    for (const path of outside) expect(stderr).toContain(`${path} is outside this study`);
  });
});

const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

/** The error code for a manifest with this text. */
const codeOf = (text: string): string => (/"schema":7/.test(text) ? "manifest-format" : "manifest-unreadable");

/**
 * The value with each part replaced by one of another type. Parts with the same keys count as one; `seen` has earlier
 * ones.
 */
function* changesOf(name: string, value: unknown, seen: Set<string>): Generator<unknown> {
  for (const path of pathsOf(value)) {
    const part = [name, ...path.map((key) => (typeof key === "number" ? "#" : key))].join(".");
    if (seen.has(part)) continue;
    seen.add(part);
    yield replaced(value, path);
  }
}

function pathsOf(value: unknown, above: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [above];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [above, ...entries.flatMap(([key, inner]) => pathsOf(inner, [...above, key]))];
}

function replaced(value: unknown, [key, ...below]: Path): unknown {
  if (key === undefined)
    return typeof value === "number" ? "x" : Array.isArray(value) ? {} : typeof value === "object" ? [] : {};
  if (Array.isArray(value)) return value.map((one, at) => (at === key ? replaced(one, below) : one));
  return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], below) };
}
