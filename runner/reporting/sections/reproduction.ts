import { type Block, type Cell, heading, paragraph } from "../report/document.ts";
import { hardwareWords } from "../report/hardware.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** The commands that make every number again. */
export function reproduction({ runs }: Study): readonly Block[] {
  const commits = new Set(runs.flatMap(({ provenance }) => (provenance.git === null ? [] : [provenance.git.commit])));
  const backends = new Set(["torchtune", ...runs.flatMap(({ config }) => config.train?.backend ?? [])]);
  const lines = [
    ...[...commits].map((commit) => `git checkout ${commit}`),
    "npm ci && npm run build",
    `npx exp setup ${[...backends].join(" ")}`,
    ...new Set(runs.map(commandOf)),
    ...(runs.length > mostRuns
      ? ["npx exp verify"]
      : runs.map(({ experiment, run }) => `npx exp verify ${experiment}/${run}`)),
  ];
  return [
    heading(1, "Reproduction"),
    paragraph(
      "In a clone of the study's repository, these commands make every number of this report again. Steps that are there are reused; a fresh clone builds them all.",
    ),
    { type: "code", text: lines.join("\n") },
    paragraph(
      "Data, prompts, weights and recipes are identified by their SHA-256 digests, Python packages by hash-checked lock files. Deterministic steps give the " +
        "same bytes; training may differ in the last digits between machines.",
    ),
    ...runs.flatMap(published),
  ];
}

/** Where the trained model can be had. */
function published(run: RunFacts): readonly Block[] {
  const last = run.uploads.at(-1);
  if (last === undefined) return [];
  const access = last.private ? ", which only those whom its owner lets in can read" : "";
  return [
    paragraph(
      `The model of ${run.name} is published in the repository `,
      { code: last.repo },
      " of the Hugging Face hub, commit ",
      { code: last.commit },
      `${access}.`,
    ),
  ];
}

/** The command that makes a run. */
export function commandOf({ file, set, smoke }: RunFacts): string {
  return ["npx exp run", file, ...set.map((one) => `--set ${one}`), ...(smoke ? ["--smoke"] : [])].join(" ");
}

/** Every parameter, and where every number comes from. */
export function appendix({ runs }: Study): readonly Block[] {
  return [
    heading(1, "Appendix: parameters"),
    ...lastOfEach(runs).map(parameters),
    heading(1, "Appendix: provenance"),
    ...machines(runs),
    ...resultRuns(runs).slice(-mostRuns).map(steps),
  ];
}

/** Runs that the appendix spells out; the manifests have them all. */
const mostRuns = 4;

/** The last run of each experiment: runs of one experiment differ in what their names say. */
function lastOfEach(runs: readonly RunFacts[]): readonly RunFacts[] {
  return [...new Map(runs.map((run) => [run.experiment, run])).values()].slice(-mostRuns);
}

function parameters(run: RunFacts): Block {
  return {
    type: "table",
    id: `parameters-${run.run}`,
    caption: `${run.name}, run ${runDigest(run)}: the resolved experiment.${run.coordinates === "" ? "" : " Other runs of the sweep differ from it in what their names say."}`,
    head: ["key", "value"],
    align: ["left", "left"],
    rows: leaves(run.config).map(([key, value]) => [[{ code: key }], value]),
  };
}

/** The digest that ends a run's name, which alone tells it from all others. */
const runDigest = ({ run }: RunFacts): string => run.slice(-8);

/** With what runs were made; those that were made with the same share a table. */
function machines(runs: readonly RunFacts[]): readonly Block[] {
  const groups = new Map<string, RunFacts[]>();
  for (const run of runs) {
    const key = JSON.stringify(machineRows(run));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].slice(-mostRuns).map(
    (own): Block => ({
      type: "table",
      id: `provenance-${own[0]?.run}`,
      caption: `With what ${own.length === runs.length && own.length > 1 ? `all ${own.length} runs were` : own.length > mostRuns ? `${own.length} of ${runs.length} runs were` : `${own.map((run) => `${run.name} (run ${runDigest(run)})`).join(" and ")} ${own.length === 1 ? "was" : "were"}`} made.`,
      head: ["", ""],
      align: ["left", "left"],
      rows: machineRows(own[0] as RunFacts),
    }),
  );
}

function machineRows({ provenance: of }: RunFacts): readonly (readonly Cell[])[] {
  const packages = Object.entries(of.packages).flatMap(([environment, pinned]) => {
    const versions = Object.entries(pinned).flatMap(([name, version]) => (named.has(name) ? `${name} ${version}` : []));
    return versions.length === 0 ? [] : [`environment ${environment}: ${versions.join(", ")}`];
  });
  return [
    ["exp, Node.js", `${of.exp}, ${of.node}`],
    ["commit", of.git === null ? "no git repository" : [{ code: of.git.commit }, of.git.dirty ? " with changes" : ""]],
    ["system", of.os],
    ["hardware", hardwareWords(of.hardware)],
    ...(packages.length === 0 ? [] : [["packages", packages.join("; ")]]),
  ];
}

function steps(run: RunFacts): Block {
  return {
    type: "table",
    id: `steps-${run.run}`,
    caption: `${run.name}, run ${runDigest(run)}: each step, the digest of what it wrote (artifacts/store/objects), and how long it took.`,
    head: ["step", "output", "seconds"],
    align: ["left", "left", "right"],
    rows: Object.entries(run.steps).map(([id, { object, seconds }]) => [
      [{ code: id }],
      [{ code: object.slice(0, 16) }],
      seconds.toFixed(1),
    ]),
  };
}

/** Packages whose versions readers look for. */
const named = new Set([
  "torch",
  "torchtune",
  "torchao",
  "axolotl",
  "transformers",
  "peft",
  "bitsandbytes",
  "vllm",
  "scikit-learn",
]);

/** Every leaf of a configuration by its dotted key, as text. */
export function leaves(value: unknown, path = ""): readonly (readonly [string, string])[] {
  if (typeof value !== "object" || value === null) return value === undefined ? [] : [[path, String(value)]];
  if (Array.isArray(value)) {
    const items = value.map((item) => (typeof item === "object" ? JSON.stringify(item) : String(item)));
    return [[path, items.length === 0 ? "–" : items.join(", ")]];
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, path === "" ? key : `${path}.${key}`));
}
