/** `exp ls` by keys and metrics. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { expectFailure } from "./command.ts";
import { reseal } from "./reseal.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";

async function listed(rig: Rig, ...args: readonly string[]): Promise<readonly string[]> {
  const rows = JSON.parse(await rig.output("ls", "--json", ...args)) as readonly { readonly manifest: string }[];
  return rows.map(({ manifest }) => String(limitOf(rig, manifest)));
}
const limitOf = (rig: Rig, manifest: string) =>
  (rig.manifest(manifest).config as { data: { train: { limit?: number } } }).data.train.limit;

test("runs are filtered and sorted by any key and metric; a manifest takes precedence over the index", async ({
  rig,
}) => {
  expect(await rig.json("ls")).toEqual([]);
  rig.write(file, `${rig.read(file)}sweep: {grid: {data.train.limit: [8, 24, 40]}}\n`);
  await rig.build(file);
  await rig.build("experiments/study.yaml", "--set", "description=übung, “zwei”", "--set", "baselines=[nearest]");

  expect(
    await listed(
      rig,
      "--where",
      "data.train.limit>=24",
      "--where",
      "nearest.micro_f1>=0",
      "--sort",
      "-data.train.limit",
    ),
  ).toEqual(["40", "24"]);
  expect(
    await listed(rig, "--where", "data.train.limit!=24", "--where", 'description = ""', "--sort", "data.train.limit"),
  ).toEqual(["8", "40"]);
  expect(await listed(rig, "--where", "description=übung, “zwei”", "--sort", "-data.train.limit")).toEqual([
    "40",
    "24",
    "8",
  ]);
  expect(await listed(rig, "--where", "baselines=[nearest]", "--where", "data.train.limit<9")).toEqual(["8"]);
  expect(await listed(rig, "--where", "created>2030")).toEqual([]);
  expect(await rig.output("ls", "--where", "created>2030")).toMatch(/\b6\b/);
  // A run without the value comes last in both directions.
  for (const key of ["nearest.micro_f1", "-nearest.micro_f1"]) {
    const rows = JSON.parse(await rig.output("ls", "--json", "--sort", key)) as {
      values: Record<string, number | null>;
    }[];
    const values = rows.map(({ values }) => values["nearest.micro_f1"]);
    expect(values.slice(3)).toEqual([null, null, null]);
    expect(values.slice(0, 3).every((value) => typeof value === "number")).toBe(true);
  }
  const [head = "", ...body] = (await rig.output("ls", "--sort", "canonical.micro_f1")).trimEnd().split("\n");
  expect(head).toMatch(/experiment +run +finished \(UTC\) +canonical.micro_f1 +primary metric +arms/);
  expect(body).toHaveLength(6);
  const csv = (await rig.output("ls", "--csv", "--where", 'description!=""')).trimEnd().split("\r\n");
  expect(csv).toHaveLength(4);
  expect(csv[0]?.split(",")).toEqual(
    expect.arrayContaining(["run", "data.train.limit", "zero_shot.raw.micro_f1", "manifest"]),
  );
  expect(csv[1]).toContain('"übung, “zwei”"');

  const misspelt = await rig.exp("ls", "--where", "data.train.limt>8");
  expectFailure(misspelt, 2, "unknown-key", '"data.train.limt"', /help: .*"data\.train\.limit"/);
  expectFailure(await rig.exp("ls", "--sort", "-micro_f2"), 2, "unknown-key", /help: .*"micro_f1"/);
  expectFailure(await rig.exp("ls", "--where", "micro_f1"), 2, "bad-filter");

  const runs = rig.path("artifacts/runs/study");
  const [first = "", second = "", third = ""] = readdirSync(runs).filter((name) => name !== "latest");

  // On a narrow screen, all words are whole, and only a line of one word is longer than the screen.
  for (const args of [
    ["ls"],
    ["show", first],
    ["compare", first],
    ["diff", first, second],
    ["plan", file],
    ["data", file],
  ]) {
    const texts = await Promise.all(
      ["80", "1000"].map(async (COLUMNS) => (await rig.start(args, { env: { COLUMNS } }).ended).stdout),
    );
    const [narrow = "", wide = ""] = texts;
    expect(narrow).not.toBe("");
    const long = narrow
      .split("\n")
      .filter((line) => line.length > 80 && / \S/.test(line.trim().replace(/^\S+ {2,}/, "")));
    expect([args, long]).toEqual([args, []]);
    const wordsOf = (text: string) => text.split(/\s+/).map((word) => word.replace(/,$/, ""));
    const words = new Set(wordsOf(wide));
    const cut = wordsOf(narrow.replaceAll("Columns that do not fit:", "")).filter((word) => !words.has(word));
    expect([args, cut]).toEqual([args, []]);
  }

  // A changed manifest, a broken one, and a deleted run.
  const text = rig.read(join(runs, first, "manifest.json"));
  rig.write(join(runs, first, "manifest.json"), reseal(text.replace(/"limit": \d+/, '"limit": 99')));
  expect(await listed(rig, "--where", "data.train.limit=99")).toEqual(["99"]);
  rig.remove(join(runs, second));
  rig.write(join(runs, third, "manifest.json"), "{");
  const left = await rig.exp("ls", "--json");
  expect([JSON.parse(left.stdout).length, left.code]).toEqual([4, 0]);
  expect(left.stderr.trimEnd().split("\n")).toEqual([expect.stringContaining(join(runs, third, "manifest.json"))]);
  // A damaged and truncated index.
  const [index = ""] = readdirSync(rig.path("../cache/runs"));
  const remembered = rig.path(`../cache/runs/${index}`);
  writeFileSync(
    remembered,
    rig
      .read(remembered)
      .replaceAll(/"limit":\d/g, '"limit":7')
      .slice(0, -50),
  );
  expect(await rig.exp("ls", "--json")).toEqual(left);
});
