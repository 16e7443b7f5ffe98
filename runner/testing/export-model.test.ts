/** `exp export-model`: the model of a finished run in another format, and what it lost on validation rows. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { describe, expect } from "vitest";
import { expectFailure } from "./command.ts";
import { test } from "./rig.ts";

type Exported = {
  readonly folder: string;
  readonly size: number;
  readonly original_size: number;
  readonly scores?: {
    readonly comparison: { readonly n: number; readonly arms: Readonly<Record<string, unknown>> };
    readonly speed: Readonly<Record<string, { readonly tokens_per_second?: number }>>;
  };
};

test("an adapter is merged, quantised, and scored against the run's own model; a repetition computes nothing", async ({
  rig,
}) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const keys = ["--set", "baselines=[]", "--set", "data.validation={fraction: 0.25}"];
  const { manifest } = await rig.build("experiments/tuned.yaml", ...keys);
  const before = readFileSync(manifest, "utf8");
  const first = await rig.exp("export-model", "tuned", "--quantise", "q8_0", "--json");
  expect(first.code, first.stderr).toBe(0);
  const made = JSON.parse(first.stdout) as Exported;
  expect(readdirSync(made.folder).sort()).toEqual(["Modelfile", "export.json", "model.gguf", "scores.json"]);
  expect(readFileSync(`${made.folder}/model.gguf`).subarray(0, 4).toString()).toBe("GGUF");
  expect(readFileSync(`${made.folder}/Modelfile`, "utf8")).toMatch(
    /^FROM \.\/model\.gguf\nTEMPLATE """(.|\n)*SYSTEM """Name the diagnoses\."""\nPARAMETER temperature 0\n(.|\n)*stop "<\|im_end\|>"\n$/,
  );
  expect(made.size).toBeLessThan(0.4 * made.original_size);
  expect(made.scores?.comparison.n).toBe(12);
  expect(Object.keys(made.scores?.comparison.arms ?? {})).toEqual(["tuned", "q8_0"]);
  for (const arm of ["tuned", "q8_0"]) expect(made.scores?.speed[arm]?.tokens_per_second, arm).toBeGreaterThan(0);
  expect(readFileSync(manifest, "utf8")).toBe(before);

  const again = await rig.output("export-model", "tuned", "--quantise", "q8_0", "--out", "elsewhere");
  expect(again).toContain("reused 9 steps");
  expect(again).toMatch(/12 validation rows, canonical view(.|\n)*exact_match .*(.|\n)*size .* % of it\ntokens\/s /);
  expect(again).toContain("wrote elsewhere\nollama create NAME -f elsewhere/Modelfile\n");
  expect(readFileSync(rig.path("elsewhere/model.gguf"))).toEqual(readFileSync(`${made.folder}/model.gguf`));
  expectFailure(await rig.exp("export-model", "tuned", "--out", "elsewhere"), 2, "file-exists");

  rig.edit("prompts/ask.hbs", "Name the diagnoses.", "Name them.");
  expectFailure(await rig.exp("export-model", "tuned"), 2, "run-changed");
}, 600_000);

describe("before anything is computed, exp refuses", () => {
  test("a run without a model, an unknown number format, and a link out of artifacts/", async ({ rig }) => {
    await rig.build("experiments/study.yaml");
    expectFailure(await rig.exp("export-model", "study"), 2, "no-model");
    const unknown = await rig.exp("export-model", "study", "--quantise", "q4_k_x");
    expectFailure(unknown, 2, "bad-option", 'did you mean "q4_k_m"');
    expectFailure(await rig.exp("export-model", "study", "--out", "experiments"), 2, "file-exists");
    mkdirSync(rig.path("outside"));
    symlinkSync(rig.path("outside"), rig.path("artifacts/exported"));
    expectFailure(await rig.exp("export-model", "study"), 3, "path-outside");
    expect(readdirSync(rig.path("outside"))).toEqual([]);
  });
});
