import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pointOf } from "../config/rungs.ts";
import { loadAll } from "../project/load.ts";
import { openProject, type Project } from "../project/project.ts";
import { type FinishedRun, findRun, latestManifest, RunNotFound } from "../runs/finished-runs.ts";
import { compareRepetition, type Reproduction } from "../runs/reproduce.ts";
import { openStore } from "../store/store.ts";
import type { Json } from "../util/canonical.ts";
import { canonicalJson } from "../util/canonical.ts";
import { type Act, type Context, exit } from "../util/context.ts";
import { dotted } from "../util/flatten.ts";
import { command as run } from "./run.ts";

/** `exp reproduce RUN`: runs it again in a fresh store and compares: bytes, or metrics where bytes may vary. Exit 3 on a difference. */
export const command: Act = async ([name], options, context) => {
  const project = await openProject(context.cwd, context, "read");
  let first: FinishedRun;
  try {
    first = findRun(name as string, project.artifacts, context.cwd);
  } catch (error) {
    if (!(error instanceof RunNotFound)) throw error;
    context.err(`exp reproduce: ${error.message}\n`);
    return exit.invalid;
  }
  const wrong = notTheSame(first, project, context);
  if (wrong !== undefined) {
    context.err(`exp reproduce: ${wrong}\n`);
    return exit.invalid;
  }
  const asked = options.into as string | undefined;
  const into = asked === undefined ? freshFolder(project.artifacts) : resolve(context.cwd, asked);
  if (asked !== undefined && existsSync(into) && readdirSync(into).length > 0) {
    context.err(`exp reproduce: ${asked} is not empty: a fresh store begins with nothing\n`);
    return exit.invalid;
  }
  const { file, set, sweep = [], smoke, coordinates, role, experiment } = first.manifest;
  const json = options.json === true;
  const code = await run(
    [[join(project.root, file)]],
    {
      set,
      sweep,
      smoke,
      only: { coordinates, role },
      artifacts: into,
      // In a store of its own, whose answer is waited for.
      executor: "local",
      force: [],
      acceptStale: [],
      quiet: json,
      upload: false,
    },
    context,
  );
  const again = latestManifest(into, experiment);
  if (code !== exit.done || again === undefined) {
    context.err(`exp reproduce: the run did not finish again; what it has lies in ${relative(context.cwd, into)}\n`);
    return code === exit.done ? exit.failed : code;
  }
  const fresh = openStore(into, project.digests, "read");
  const result = compareRepetition(first, again, {
    artifacts: project.artifacts,
    peek: (key) => fresh.peek(key) ?? project.store.peek(key),
  });
  context.out(json ? `${JSON.stringify(result, null, 1)}\n` : told(result));
  if (asked === undefined && result.reproduced) rmSync(into, { recursive: true, force: true });
  else if (!json) context.out(`The repetition lies in ${relative(context.cwd, into)}\n`);
  return result.reproduced ? exit.done : exit.refused;
};

/** A new folder on the disk of the artifacts, so that large files are linked and moved as they were. */
function freshFolder(artifacts: string): string {
  const folder = join(artifacts, "reproductions");
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, "again-"));
}

/** Why a run's file here does not declare that run any more; undefined where it does. */
function notTheSame({ manifest }: FinishedRun, project: Project, context: Context): string | undefined {
  const { file, set, sweep = [], smoke, coordinates, config, provenance } = manifest;
  const commit = provenance.git === null ? "" : `; the run was made at commit ${provenance.git.commit}`;
  const path = join(project.root, file);
  if (!existsSync(path)) return `${file} is not here${commit}`;
  const [loaded] = loadAll([path], { set, sweep, smoke }, context) ?? [];
  if (loaded === undefined) return `${file} is no experiment any more${commit}`;
  const point = pointOf(loaded, manifest);
  if (point === undefined) return `${file} has no run ${coordinates} any more${commit}`;
  const experiment = manifest.role === "final" ? (point.final ?? point.experiment) : point.experiment;
  const now = dotted(project.site.portable(experiment));
  const was = dotted(config);
  const text = (value: Json | undefined): string => (value === undefined ? "" : canonicalJson(value));
  const changed = [...new Set([...was.keys(), ...now.keys()])].filter(
    (key) => text(was.get(key)) !== text(now.get(key)),
  );
  return changed.length === 0 ? undefined : `${file} declares another run now (${changed.join(", ")})${commit}`;
}

function told({ run, again, reproduced, steps, metrics, causes }: Reproduction): string {
  const lines = [""];
  for (const { step, outcome, files } of steps) {
    const words = { same: "same bytes", tolerated: "other bytes, as computing may give", differs: "OTHER BYTES" };
    lines.push(`${step}: ${words[outcome]}${files.length === 0 ? "" : ` (${files.join(", ")})`}`);
  }
  for (const { arm, view, metric, was, is, low, high, within } of metrics) {
    const where = `${within ? "within" : "OUTSIDE"} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
    lines.push(`${arm} ${metric} (${view}): ${was.toFixed(3)} -> ${is?.toFixed(3) ?? "none"}, ${where}`);
  }
  if (causes.length > 0 && steps.some(({ outcome }) => outcome !== "same")) {
    lines.push("", "Likely causes:", ...causes.map((cause) => `  ${cause}`));
  }
  lines.push("", `${run} ${reproduced ? "is reproduced by" : "is NOT reproduced by"} ${again}`);
  return `${lines.join("\n")}\n`;
}
