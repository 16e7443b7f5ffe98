import { describe, expect, it } from "vitest";
import { loadText } from "../config/rig.ts";
import { buildPlan } from "../pipeline/plan/build.ts";
import { draftsOf, kinds } from "../pipeline/steps/index.ts";
import type { Site } from "../plugins/site.ts";
import { locksOf } from "./provenance.ts";

/** A machine with a GPU on which every environment has a lock file. */
const site: Site = {
  version: "1.0.0",
  recipe: (module) => ({ [`recipes/${module}`]: `/package/${module}` }),
  lock: (environment) => `/package/recipes/locks/${environment}.lock`,
  lacksPackage: () => false,
  model: (base) => ({ origin: "bundled", dir: `/cache/${base}`, files: {} }),
  hub: { url: "https://huggingface.co", cache: "/cache", isOffline: false },
  precision: { cpu: "fp32", cuda: "bf16" },
  portable: (value) => value,
  shape: () => undefined,
  config: () => undefined,
  isHere: () => true,
  rows: () => undefined,
  template: () => ({ characters: 10, listsLabels: false }),
  gpuMemory: 24e9,
  capability: "8.0",
  tokensOnly: false,
  uploads: false,
  cores: 4,
  gpus: 1,
  processor: "a CPU",
  gpuName: "a GPU",
  speed: () => undefined,
  measurements: () => [],
};

/** The environments that the provenance of a run lists. */
function environmentsOf(yaml: string): readonly string[] {
  const loaded = loadText(`name: x\nextends: base.yaml\n${yaml}\n`);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics.map(({ message }) => message)));
  const [point] = loaded.value.points;
  const drafts = draftsOf((point as NonNullable<typeof point>).experiment, site);
  const drafted = { experiment: "x", role: "final" as const, coordinates: "", drafts };
  const { runs } = buildPlan([drafted], kinds, (path) => `sha256 of ${path}`);
  const locks = locksOf(runs[0]?.steps.values() ?? []);
  for (const [name, { path, sha256 }] of Object.entries(locks)) {
    expect([path, sha256]).toEqual([site.lock(name), `sha256 of ${site.lock(name)}`]);
  }
  return Object.keys(locks).sort();
}

describe("the environments of a run", () => {
  const none = "baselines: []";
  it.each([
    ["the default backend and engine", `train: {}\n${none}`, ["torchtune"]],
    ["a backend with an environment of its own", `train: {backend: axolotl}\n${none}`, ["axolotl", "torchtune"]],
    ["an engine with an environment of its own", `generate: {engine: vllm}\n${none}`, ["vllm"]],
    ["the same with a baseline in Python", "generate: {engine: vllm}\nbaselines: [tfidf_svm]", ["torchtune", "vllm"]],
    ["the same with a baseline in TypeScript", "generate: {engine: vllm}\nbaselines: [nearest]", ["vllm"]],
    [
      "training and generation in different ones",
      `train: {backend: axolotl}\ngenerate: {engine: vllm}\n${none}`,
      ["axolotl", "vllm"],
    ],
    [
      "a merge for an engine that cannot load the adapter",
      `train: {backend: axolotl, method: dora}\ngenerate: {engine: vllm}\n${none}`,
      ["axolotl", "torchtune", "vllm"],
    ],
    ["a server", `generate: {engine: openai, base_url: 'http://x/v1'}\n${none}`, []],
  ])("%s", (_case, yaml, environments) => {
    expect(environmentsOf(yaml)).toEqual(environments);
  });
});
