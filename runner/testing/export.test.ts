/** From a new study to the study package, and back: init, run, export, reproduce. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Reproduction } from "../runs/reproduce.ts";
import { expectFailure } from "./command.ts";
import { reseal } from "./reseal.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));

test("a new study runs without setup and exports the same bytes each time", async ({ rig }) => {
  await rig.output("init", "mine");
  expectFailure(await rig.exp("init", "mine"), 2, "file-exists");
  expectFailure(await rig.exp("init", "/proc/mine"), 2, "cannot-write");
  mkdirSync(rig.path("linked"));
  symlinkSync(rig.path("behind.json"), rig.path("linked/package.json"));
  expectFailure(await rig.exp("init", "linked"), 2, "file-exists", "linked/package.json");
  expect(existsSync(rig.path("behind.json"))).toBe(false);
  rig.folder = rig.path("mine");
  expect(rig.read("package.json")).toContain('"name": "mine"');
  await rig.build("experiments/first.yaml");
  await rig.output("check", "experiments/lora.yaml");

  const first = await rig.exp("export", "../out", "first");
  expect(first.code).toBe(0);
  expectFailure(await rig.exp("export", "../out", "first"), 2, "folder-not-empty");
  expect((await rig.exp("export", "../again", "first")).code).toBe(0);
  const files = rig.tree("../out");
  expect(rig.tree("../again")).toEqual(files);
  expect(Object.keys(files)).toEqual(
    expect.arrayContaining([
      ...[
        "Dockerfile",
        ".dockerignore",
        "README.md",
        "checklist.md",
        "report.pdf",
        "report.html",
        "workbook.xlsx",
        "notebooks/colab.ipynb",
      ],
      ...["experiments/first.yaml", "labels/synonyms.yaml", "prompts/task.hbs"],
      ...["zero_shot", "most_frequent", "nearest"].map((arm) =>
        expect.stringMatching(`^runs/first/.*/${arm}/predictions.jsonl$`),
      ),
    ]),
  );
  // The commands of the README give the scores of the run from the exported files alone.
  const commands = rig.read("../out/README.md").match(/^npx exp score .*$/gm) ?? [];
  expect(commands).toHaveLength(3);
  const { arms } = rig.manifest(rig.path("artifacts/runs/first/latest/manifest.json"));
  for (const command of commands) {
    const arm = /(\w+)\/predictions\.jsonl/.exec(command)?.[1] as string;
    const { stdout } = await rig.start([...command.split(" ").slice(2), "--json"], { cwd: rig.path("../out") }).ended;
    const { views } = JSON.parse(stdout) as { views: Record<string, Record<string, number | null>> };
    for (const view of ["raw", "basic", "canonical"] as const)
      expect(views[view], `${arm}, ${view}`).toMatchObject(arms[arm]?.[view] as object);
  }
  const { dependencies } = rig.readJson("../out/package.json") as { dependencies: Record<string, string> };
  const copy = dependencies["exp-study"]?.replace("file:", "") as string;
  expect(execFileSync("tar", ["tzf", rig.path(join("../out", copy))], { encoding: "utf8" })).toContain(
    "package/dist/cli.js",
  );
  // Data files are never exported.
  expect(Object.keys(files).filter((name) => name.endsWith(".csv"))).toEqual([]);
  const notebook = JSON.parse(rig.read("../out/notebooks/colab.ipynb")) as {
    readonly cells: readonly { readonly source: readonly string[] }[];
  };
  expect(notebook.cells.flatMap(({ source }) => source)).toContain('experiment = "experiments/first.yaml"\n');
  const checklist = rig.read("../out/checklist.md");
  const named = Object.entries(files).filter(([name]) => checklist.includes(`\`${name}\``));
  expect(named.length).toBeGreaterThan(2);
  for (const [name, sha256] of named) expect(checklist, name).toContain(sha256);
  for (const name of ["README.md", "checklist.md"])
    expect(rig.read(`../out/${name}`)).toContain("Replayed predictions");
});

test("the export contains the declarations of compared experiments, and no data", async ({ rig }) => {
  rig.edit("experiments/study.yaml", "baselines: []\n", "baselines: []\ncompare: [other]\n");
  rig.edit("experiments/study.yaml", '{separator: ","}', '{separator: ",", synonyms: labels/synonyms.yaml}');
  rig.write("prompts/other.hbs", "{{#user}}Say what is there: {{input}}{{/user}}\n");
  rig.write("experiments/base/shared.yaml", "prompt: {template: prompts/other.hbs}\n");
  rig.write("experiments/labels/synonyms.yaml", "synonyms: {liver cyst: [hepatic cyst]}\n");
  rig.write("experiments/labels/groups.yaml", "liver: [liver cyst]\n");
  rig.write("experiments/data/others.jsonl", rig.read("experiments/data/answers.jsonl"));
  rig.write(
    "experiments/other.yaml",
    rig
      .read("experiments/study.yaml")
      .replace("name: study", "name: other\nextends: base/shared.yaml")
      .replace("prompt: {template: prompts/ask.hbs}\n", "")
      .replace("compare: [other]\n", "")
      .replace("data/answers.jsonl", "data/others.jsonl")
      .replace("synonyms.yaml}", "synonyms.yaml, groups: labels/groups.yaml}"),
  );
  await rig.build("experiments/study.yaml");
  expect((await rig.exp("export", "out", "study")).code).toBe(0);
  const files = Object.keys(rig.tree("out"));
  expect(files).toEqual(
    expect.arrayContaining([
      ...["experiments/study.yaml", "experiments/other.yaml", "experiments/base/shared.yaml"],
      ...["prompts/ask.hbs", "prompts/other.hbs", "experiments/labels/synonyms.yaml", "experiments/labels/groups.yaml"],
      ...[
        "experiments/data/answers.jsonl",
        "experiments/data/others.jsonl",
        expect.stringMatching(/^runs\/study\/.*\/other\.zero_shot\/predictions\.jsonl$/),
      ],
    ]),
  );
  expect(files.filter((name) => name.endsWith(".csv"))).toEqual([]);
});

test("reproduce compares every step by its bytes", async ({ rig }) => {
  const { manifest } = await rig.build("experiments/study.yaml");
  const again = async (...args: readonly string[]): Promise<Reproduction & { readonly code: number | null }> => {
    const { code, stdout } = await rig.exp("reproduce", "study", "--json", ...args);
    return { ...(JSON.parse(stdout) as Reproduction), code };
  };
  const same = await again("--into", "fresh");
  expect([same.code, same.reproduced]).toEqual([0, true]);
  expect(same.steps.map(({ outcome }) => outcome)).toEqual(same.steps.map(() => "same"));
  expect(existsSync(rig.path("fresh/runs/study/latest/manifest.json"))).toBe(true);
  expectFailure(await rig.exp("reproduce", "study", "--into", "fresh"), 2, "folder-not-empty", "fresh");

  // A manifest with another digest than the step produces.
  const text = rig.read(manifest);
  const claimed = rig.manifest(manifest).steps["evaluate.zero_shot"]?.files["metrics.json"]?.sha256 as string;
  rig.write(manifest, reseal(text.replaceAll(claimed, "0".repeat(64))));
  const other = await again();
  expect([other.code, other.reproduced]).toEqual([3, false]);
  expect(other.steps.filter(({ outcome }) => outcome === "differs")).toEqual([
    { step: "evaluate.zero_shot", outcome: "differs", files: ["metrics.json"] },
  ]);

  rig.edit("experiments/study.yaml", "baselines: []", "baselines: [nearest]");
  expectFailure(await rig.exp("reproduce", "study"), 2, "run-changed", /baselines/);
});

test("manifests of an image name the commit of EXP_COMMIT", async ({ rig }) => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const gitOf = async (stated: string) => {
    rig.env = { ...rig.env, EXP_COMMIT: stated };
    const { git } = rig.manifest((await rig.build("experiments/study.yaml")).manifest).provenance;
    rig.remove("artifacts");
    return git;
  };
  expect(await gitOf(commit)).toEqual({ commit, dirty: false });
  expect(await gitOf(`${commit}-dirty`)).toEqual({ commit, dirty: true });
  expect(await gitOf("")).toBeNull();
});

test("Dockerfiles copy existing files, end as an unprivileged user, and pin tags", () => {
  const dockerfiles = {
    Dockerfile: execFileSync("git", ["ls-files"], { cwd: clone, encoding: "utf8" }).split("\n"),
    "runner/templates/study/Dockerfile": ["package.json", "."],
  };
  for (const [file, tracked] of Object.entries(dockerfiles)) {
    const lines = readFileSync(join(clone, file), "utf8").replaceAll("\\\n", " ").split("\n");
    const copies = lines.filter((one) => one.startsWith("COPY ") && !one.includes("--from="));
    const bases = lines.filter((one) => one.startsWith("FROM "));
    expect([copies.length, bases.length].every((count) => count > 0)).toBe(true);
    for (const line of copies) {
      const sources = line
        .split(/\s+/)
        .slice(1, -1)
        .filter((word) => !word.startsWith("--") && !word.includes("*"));
      for (const source of sources) {
        expect(
          tracked.some((one) => one === source || dirname(one).split("/")[0] === source),
          `${file}: ${source}`,
        ).toBe(true);
      }
    }
    const users = lines.filter((line) => line.startsWith("USER "));
    expect(users.at(-1)).toBe("USER study");
    for (const line of bases) expect(line).toMatch(/:\d/);
    expect(lines.some((line) => line.startsWith("ENTRYPOINT ["))).toBe(true);
  }
});

test("the package contains the files that a study needs", () => {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: clone, encoding: "utf8" }),
  ) as [{ readonly files: readonly { readonly path: string }[] }];
  expect(packed.files.map(({ path }) => path)).toEqual(
    expect.arrayContaining([
      ...["dist/cli.js", "notebooks/colab.ipynb", "recipes/locks/torchtune-cpu.lock"],
      ...["runner/schemas/experiment.schema.json", "runner/templates/report.typ", "runner/templates/study/gitignore"],
      ...["runner/templates/study/experiments/data/answers.jsonl", "runner/templates/study/Dockerfile"],
    ]),
  );
});

test("an exported folder contains the evidence of its checklist, and its commands run in it", async ({ rig }) => {
  const file = "experiments/study.yaml";
  rig.edit(file, "baselines: []\n", "baselines: [most_frequent]\n");
  rig.append(file, "report: {pdf: false, html: false}\n");
  await rig.build(file);
  /** Exports the study, and checks its checklist. Returns the README and the answers of the checklist by item. */
  const exported = async (folder: string): Promise<{ readme: string; answers: Readonly<Record<string, string>> }> => {
    expect((await rig.exp("export", folder, "study")).code).toBe(0);
    const checklist = rig.read(`${folder}/checklist.md`);
    const evidence = [...checklist.matchAll(/^ {2}- `([^`]+)`(?: `([^`]+)`)? \(sha256 ([0-9a-f]{64})\)/gm)];
    expect(evidence.length).toBeGreaterThan(10);
    for (const [line, path = "", key, sha256] of evidence) {
      const bytes = readFileSync(rig.path(join(folder, path)));
      expect(createHash("sha256").update(bytes).digest("hex"), line).toBe(sha256);
      const found = key
        ?.split(".")
        .reduce<unknown>((value, part) => (value as Record<string, unknown>)?.[part], JSON.parse(bytes.toString()));
      if (key !== undefined) expect(found, line).toBeDefined();
    }
    const items = checklist.matchAll(/^- \[[x ]\] \*\*(\w+)\*\* .*: \*\*(yes|no|not applicable)\*\*$/gm);
    return {
      readme: rig.read(`${folder}/README.md`),
      answers: Object.fromEntries([...items].map(([, id, answer]) => [id, answer as string])),
    };
  };
  const hidden = await exported("hidden");
  expect(hidden.readme).toContain("does not contain the data files");
  expect(hidden.answers).toMatchObject({
    C2: "no",
    C6: "not applicable",
    C8: "no",
    C11: "yes",
    P5: "no",
    P6: "no",
    D1: "no",
  });
  expect(Object.keys(rig.tree("hidden")).filter((name) => /\.csv$|\/data\/.*\.jsonl$|eval\.jsonl$/.test(name))).toEqual(
    ["experiments/data/answers.jsonl"],
  );

  rig.edit(file, "  columns:", "  origin: {kind: synthetic, source: Made up by a test., publish: true}\n  columns:");
  await rig.build(file);
  const open = await exported("open");
  expect(open.answers).toMatchObject({ C2: "yes", P5: "not applicable", P6: "not applicable", D1: "not applicable" });
  expect(open.readme).toContain("Made up by a test.");
  // A person with this folder only: no repository, no artifacts and another cache.
  for (const folder of ["artifacts", "experiments", "prompts", "hidden"]) rig.remove(folder);
  expect(open.readme).not.toContain("git clone");
  const commands = open.readme.match(/^npx exp .*$/gm) ?? [];
  expect(commands.length).toBeGreaterThan(8);
  for (const command of new Set(commands)) {
    const { code, stderr } = await rig.start(command.split(" ").slice(2), { cwd: rig.path("open") }).ended;
    expect([code, stderr], command).toEqual([0, expect.not.stringContaining("error")]);
  }
  // The same study gives the same run.
  const [run] = Object.keys(rig.tree("open/runs/study")).map((name) => name.split("/")[0]);
  expect(existsSync(rig.path(`open/artifacts/runs/study/${run}/manifest.json`))).toBe(true);
});
