/** The model card of a dry run, without a token, a hub and a model. */
import { expect } from "vitest";
import { parse } from "yaml";
import { test } from "./rig.ts";

const file = "experiments/study.yaml";
const declared = [
  "upload: {repo: me/x_1, base_license: mit, base_model: me/base, language: [en, de], tags: [medical],",
  "  authors: [Ada Lovelace, R&D], intended_use: Research., out_of_scope: Care., example: 'Made up \"text\".'}\n",
].join("\n");

type DryRun = {
  readonly card: string;
  readonly status: string;
  readonly unchecked: readonly string[];
  readonly files: readonly { readonly path: string }[];
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
};

test("a dry run shows the card of a replayed run, and what cannot be uploaded", async ({ rig }) => {
  const dryRun = async (): Promise<DryRun & { readonly codes: readonly string[] }> => {
    const { code, stdout, stderr } = await rig.exp("upload", "study", "--dry-run", "--json");
    expect([code, stderr]).toEqual([3, ""]);
    const result = JSON.parse(stdout) as DryRun;
    expect(result.unchecked).toEqual(["hub-token", "repo-public", "repo-occupied"]);
    return { ...result, codes: result.reasons.map((reason) => reason.code) };
  };
  // The address of no server: a request would fail.
  rig.env = { ...rig.env, HF_ENDPOINT: "http://127.0.0.1:9", HF_TOKEN: undefined, HF_HOME: rig.path("hf") };
  rig.edit(file, "file: data/answers.jsonl", "file: data/answers.jsonl, zero_shot: data/answers.jsonl");
  rig.append(file, "train: {backend: torchtune}\n");
  const run = async () => {
    const { code, manifest } = await rig.run(file, "--no-upload");
    expect(code).toBe(0);
    return manifest;
  };
  const manifest = await run();
  const undeclared = await dryRun();
  expect(undeclared.codes).toEqual(expect.arrayContaining(["no-upload", "no-model"]));
  expect(undeclared.card).toMatch(/Replayed predictions.*No model was run/);
  expect(undeclared.card).not.toMatch(/^## (Usage|Training)$/m);

  rig.append(file, declared);
  await run();
  const hidden = await dryRun();
  expect(hidden.codes).toEqual(["no-model"]);
  const { arms } = rig.manifest(manifest);
  const metadata = parse(hidden.card.split(/^---$/m)[1] ?? "");
  expect(metadata).toMatchObject({ language: ["en", "de"], license: "mit", base_model: "me/base" });
  expect(metadata.tags).toContain("medical");
  expect(metadata.metrics).toContain("f1");
  const [{ results }] = metadata["model-index"];
  const ids = results[0].metrics.map(({ type }: { readonly type: string }) => type);
  expect(new Set(ids)).toEqual(new Set(metadata.metrics));
  expect(results[0].metrics[0]).toMatchObject({ value: arms.tuned?.canonical?.micro_f1 });
  for (const text of ["Research.", "Care.", "{Ada Lovelace} and {R\\&D}", "does not state where its data come from"])
    expect(hidden.card).toContain(text);
  expect(hidden.card).toContain("is made up; the run has no answer to it");
  const [first, second] = rig
    .read("experiments/data/test.csv")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split('"')[1] as string);
  expect(hidden.card).not.toContain(first);

  rig.edit(file, "  columns:", "  origin: {kind: synthetic, dataset: me/rows, publish: true}\n  columns:");
  await run();
  const open = await dryRun();
  expect(open.codes).toEqual(["no-model"]);
  expect(open.card).toContain(`\`\`\`text\n${first}\n\`\`\``);
  expect(parse(open.card.split(/^---$/m)[1] ?? "")).toMatchObject({ datasets: ["me/rows"] });

  // The permission covers the case that the card shows, and no other row.
  rig.append(file, `description: ${JSON.stringify(second)}\n`);
  await run();
  expect((await dryRun()).codes).toContain("leak-row");
});
