import { type Block, heading, paragraph } from "../block.ts";
import type { RunFacts, Study } from "../study.ts";
import { runWord } from "../words.ts";

/** The commands that make every number again. */
export function reproduction({ runs }: Study): readonly Block[] {
  const commits = new Set(runs.flatMap(({ provenance }) => (provenance.git === null ? [] : [provenance.git.commit])));
  const backends = new Set(["torchtune", ...runs.flatMap(({ config }) => config.train?.backend ?? [])]);
  const lines = [
    ...[...commits].map((commit) => `git checkout ${commit}`),
    "npm ci && npm run build",
    `npx exp setup ${[...backends].join(" ")}`,
    ...new Set(runs.map(commandOf)),
    ...runs.map(({ experiment, run }) => `npx exp verify ${experiment}/${run}`),
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
      `The model of ${runWord(run)} is published in the repository `,
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
    ...runs.slice(-mostRuns).flatMap((run): readonly Block[] => [
      {
        type: "table",
        id: `parameters-${run.run}`,
        caption: `${runWord(run)}, run ${run.run}: the resolved experiment.`,
        head: ["key", "value"],
        align: ["left", "left"],
        rows: leaves(run.config).map(([key, value]) => [[{ code: key }], value]),
      },
    ]),
    heading(1, "Appendix: provenance"),
    ...runs.slice(-mostRuns).flatMap(provenance),
  ];
}

/** Runs that the appendix spells out; the manifests have them all. */
const mostRuns = 4;

function provenance(run: RunFacts): readonly Block[] {
  const { provenance: of } = run;
  const packages = Object.entries(of.packages).flatMap(([environment, pinned]) =>
    Object.entries(pinned)
      .filter(([name]) => named.has(name))
      .map(([name, version]) => `${environment}: ${name} ${version}`),
  );
  return [
    {
      type: "table",
      id: `provenance-${run.run}`,
      caption: `${runWord(run)}, run ${run.run}: with what it was made.`,
      head: ["", ""],
      align: ["left", "left"],
      rows: [
        ["exp, Node.js", `${of.exp}, ${of.node}`],
        [
          "commit",
          of.git === null ? "no git repository" : [{ code: of.git.commit }, of.git.dirty ? " with changes" : ""],
        ],
        ["system", of.os],
        ["hardware", JSON.stringify(of.hardware)],
        ["packages", packages.join("; ")],
        [
          "seeds",
          Object.entries(of.seeds)
            .map(([name, seed]) => `${name} ${seed}`)
            .join("; "),
        ],
      ],
    },
    {
      type: "table",
      id: `steps-${run.run}`,
      caption: `${runWord(run)}, run ${run.run}: each step, the digest of what it wrote (artifacts/store/objects), and how long it took.`,
      head: ["step", "output", "seconds"],
      align: ["left", "left", "right"],
      rows: Object.entries(run.steps).map(([id, { object, seconds }]) => [
        [{ code: id }],
        [{ code: object.slice(0, 16) }],
        seconds.toFixed(1),
      ]),
    },
  ];
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
  if (Array.isArray(value))
    return [[path, value.map((item) => (typeof item === "object" ? JSON.stringify(item) : String(item))).join(", ")]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, path === "" ? key : `${path}.${key}`));
}
