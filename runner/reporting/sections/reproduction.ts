import { missing } from "../../util/format.ts";
import { shellCommand } from "../../util/shell.ts";
import { about, type Block, type Cell, heading, paragraph } from "../report/document.ts";
import { hardwareText } from "../report/hardware.ts";
import { resultRuns } from "../report/run-names.ts";
import { listedPackages, setupCommands } from "../report/software.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** The commands that reproduce every number, and the published models. */
export function reproduction({ runs, isExpClone }: Study): readonly Block[] {
  const commits = new Set(runs.flatMap(({ provenance }) => (provenance.git === null ? [] : [provenance.git.commit])));
  const lines = [
    ...[...commits].map((commit) => shellCommand("git", "checkout", commit)),
    isExpClone ? "npm run setup" : "npm install",
    ...setupCommands(runs),
    ...new Set(runs.map(commandOf)),
    ...(runs.length > mostRuns
      ? ["npx exp verify"]
      : runs.map(({ experiment, run }) => shellCommand("npx", "exp", "verify", `${experiment}/${run}`))),
  ];
  return [
    heading(1, "Reproduction"),
    paragraph(
      "The following commands reproduce every number of this report in a clone of the study repository. Existing step outputs are reused; a new " +
        "clone executes all steps. In an exported folder, the README.md of the folder has the commands.",
    ),
    { type: "code", text: lines.join("\n") },
    paragraph(
      "Data, prompts, weights and recipes are identified by SHA-256 digests, and Python packages by lock files with hashes. Deterministic steps " +
        "produce identical bytes. Training is not bitwise reproducible across machines.",
    ),
    ...runs.flatMap(published),
  ];
}

/** The repository of the uploaded model. */
function published(run: RunFacts): readonly Block[] {
  const last = run.uploads.at(-1);
  if (last === undefined) return [];
  const access = last.private ? " (private)" : "";
  return [
    paragraph(
      `The model of ${run.name} is published on the Hugging Face Hub: repository `,
      { code: last.repo },
      ", commit ",
      { code: last.commit },
      `${access}.`,
    ),
  ];
}

/** The command that executes a run. */
export function commandOf({ file, set, smoke }: RunFacts): string {
  const options = [...set.flatMap((one) => ["--set", one]), ...(smoke ? ["--smoke"] : [])];
  return shellCommand("npx", "exp", "run", file, ...options);
}

/** All parameters, environments and step digests. */
export function appendix({ runs }: Study): readonly Block[] {
  const experiments = lastOfEach(runs);
  const executed = resultRuns(runs).slice(-mostRuns);
  const systems = environments(runs);
  return [
    heading(1, "Appendix: parameters"),
    paragraph(...experiments.flatMap((run) => about(parametersId(run), `lists the parameters of ${run.name}.`))),
    ...experiments.map(parameters),
    heading(1, "Appendix: provenance"),
    paragraph(
      ...systems.flatMap(({ id }) => about(id, "describes software and hardware.")),
      ...executed.flatMap((run) => about(stepsId(run), `lists the steps of ${run.name}.`)),
    ),
    ...systems,
    ...executed.map(steps),
  ];
}

/** Runs that the appendix lists; the manifests contain all. */
const mostRuns = 4;

/** The last run of each experiment: the names of a sweep's runs contain the parameters that differ. */
function lastOfEach(runs: readonly RunFacts[]): readonly RunFacts[] {
  return [...new Map(runs.map((run) => [run.experiment, run])).values()].slice(-mostRuns);
}

const parametersId = ({ run }: RunFacts): string => `parameters-${run}`;
const stepsId = ({ run }: RunFacts): string => `steps-${run}`;
type Table = Extract<Block, { type: "table" }>;

function parameters(run: RunFacts): Block {
  return {
    type: "table",
    id: parametersId(run),
    caption: `${run.name}, run ${runDigest(run)}: resolved experiment configuration.${run.coordinates === "" ? "" : " Other runs of the sweep differ in the parameters that their names contain."}`,
    head: ["key", "value"],
    align: ["left", "left"],
    rows: leaves(run.config).map(([key, value]) => [[{ code: key }], value]),
  };
}

/** The digest at the end of a run's name, which is unique. */
const runDigest = ({ run }: RunFacts): string => run.slice(-8);

/** Software and hardware of runs; runs with identical values share a table. */
function environments(runs: readonly RunFacts[]): readonly Table[] {
  const groups = new Map<string, RunFacts[]>();
  for (const run of runs) {
    const key = JSON.stringify(environmentRows(run));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].slice(-mostRuns).map(
    (own): Table => ({
      type: "table",
      id: `provenance-${own[0]?.run}`,
      caption: `Software and hardware of ${own.length === runs.length && own.length > 1 ? `all ${own.length} runs` : own.length > mostRuns ? `${own.length} of ${runs.length} runs` : own.map((run) => `${run.name} (run ${runDigest(run)})`).join(" and ")}.`,
      head: ["", ""],
      align: ["left", "left"],
      rows: environmentRows(own[0] as RunFacts),
    }),
  );
}

function environmentRows({ provenance: of }: RunFacts): readonly (readonly Cell[])[] {
  const packages = listedPackages(of).map(({ environment, packages: listed }) => {
    return `environment ${environment}: ${listed.map(([name, version]) => `${name} ${version}`).join(", ")}`;
  });
  return [
    ["exp, Node.js", `${of.exp}, ${of.node}`],
    [
      "commit",
      of.git === null
        ? "no git repository"
        : [{ code: of.git.commit }, of.git.dirty ? " with uncommitted changes" : ""],
    ],
    ["system", of.os],
    ["hardware", hardwareText(of.hardware)],
    ...(packages.length === 0 ? [] : [["packages", packages.join("; ")]]),
  ];
}

function steps(run: RunFacts): Block {
  return {
    type: "table",
    id: stepsId(run),
    caption: `${run.name}, run ${runDigest(run)}: digest of each step's output (in artifacts/store/objects) and execution time.`,
    head: ["step", "output", "time (s)"],
    align: ["left", "left", "right"],
    rows: Object.entries(run.steps).map(([id, { object, seconds }]) => [
      [{ code: id }],
      [{ code: object.slice(0, 16) }],
      seconds.toFixed(1),
    ]),
  };
}

/** The leaves of a configuration as dotted key and text. */
export function leaves(value: unknown, path = ""): readonly (readonly [string, string])[] {
  if (typeof value !== "object" || value === null) return value === undefined ? [] : [[path, String(value)]];
  if (Array.isArray(value)) {
    const items = value.map((item) => (typeof item === "object" ? JSON.stringify(item) : String(item)));
    return [[path, items.length === 0 ? missing : items.join(", ")]];
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, path === "" ? key : `${path}.${key}`));
}
