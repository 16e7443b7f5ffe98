import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import {
  type ExportedModel,
  type ExportScores,
  expectExport,
  exportModel,
  hasValidation,
} from "../orchestration/export-model.ts";
import { openAnsweringRun } from "../orchestration/predict.ts";
import { formats } from "../plugins/formats/registry.ts";
import { openProject } from "../project/project.ts";
import { findRun } from "../runs/finished-runs.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { table } from "../terminal/table.ts";
import { exit } from "../util/context.ts";
import { gigabytes, missing, plural, signed, signedBounds, withInterval } from "../util/format.ts";
import { isInside } from "../util/inside.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { choice, defineCommand, flag, negatedFlag, required, value } from "./command.ts";
import { json, trust } from "./common-options.ts";

const allTypes = (): readonly string[] => [...new Set([...formats].flatMap(({ types }) => types))];

/** Writes the model of a finished run for llama.cpp, Ollama and LM Studio, and scores it on validation rows. */
export const command = defineCommand({
  arguments: { run: required("run", "A finished run whose engine runs a model.") },
  options: {
    format: choice("name", "Write this format.", () => formats.names(), { default: "the first" }),
    quantise: choice("type", "Store the weights in this number format.", allTypes, { default: "the first" }),
    out: value("dir", "Write into this folder.", { default: "artifacts/exported/<experiment>-<run>-<type>" }),
    score: negatedFlag("Do not answer the validation rows with the exported model."),
    force: flag("Replace the files of --out."),
    json,
    trust,
  },
  async run({ run: name, format: chosen, quantise, out, score, force, json, trust }, context) {
    const format = formats.get(chosen ?? (formats.names()[0] as string));
    const type = quantise ?? format.types[0];
    if (!format.types.includes(type)) {
      throw new UserError("bad-option", `${format.name} has no number format ${type}`, {
        help: `use one of ${format.types.join(", ")}`,
        status: "invalid",
      });
    }
    const project = await openProject(context.cwd, context, "write");
    const screen = json ? { ...context, tty: false, out: context.err } : context;
    const reporter = chooseReporter({ json: false, quiet: false }, screen);
    try {
      const found = findRun(name, project.artifacts, context.cwd);
      const { experiment, run } = found.manifest;
      const folder =
        out === undefined
          ? join(project.artifacts, "exported", `${experiment}-${run}-${type}`)
          : resolve(context.cwd, out);
      if (out === undefined && !isInside(folder, project.artifacts)) {
        throw new UserError("path-outside", `${relative(context.cwd, folder)} is a link that leaves artifacts/`, {
          help: "delete the link, or name a folder with --out",
          status: "refused",
        });
      }
      if (out !== undefined && existsSync(folder) && !(force && statSync(folder).isDirectory())) {
        throw new UserError("file-exists", `${out} exists already`, {
          help: "name another folder; --force replaces the files of a folder",
          status: "invalid",
        });
      }
      const answering = openAnsweringRun(found, project, { trust }, context);
      expectExport(answering, format.name, project, context);
      if (found.manifest.smoke) context.err("warning: this is a smoke run, whose model is hardly trained\n");
      if (score && !hasValidation(answering))
        context.err("warning: the run has no validation rows, so the exported model is not scored\n");
      const made = await exportModel(
        answering,
        { format: format.name, type, scores: score },
        { project, reporter },
        context,
      );
      await reporter.close();
      if (made === undefined) return exit.failed;
      const content = { run: `${experiment}/${run}`, format: format.name, type, ...summaryOf(made) };
      copyExport(join(made.folder, "exported"), folder);
      writeFileAtomic(join(folder, "scores.json"), `${JSON.stringify(content, null, 1)}\n`);
      const shown = relative(context.cwd, folder) || ".";
      if (json) context.out(`${JSON.stringify({ folder, ...content }, null, 1)}\n`);
      else context.out(`${exportText(made, type)}wrote ${shown}\n${format.serve(shown)}\n`);
      return exit.done;
    } finally {
      await reporter.close();
      project.store.close();
    }
  },
});

/** The content of `exported/export.json`. */
type Written = {
  readonly size: number;
  readonly original_size: number;
  readonly original_type: string;
  readonly notes: readonly string[];
};

function writtenOf({ folder }: ExportedModel): Written {
  return JSON.parse(readFileSync(join(folder, "exported/export.json"), "utf8")) as Written;
}

function summaryOf(made: ExportedModel) {
  const { size, original_size, original_type, notes } = writtenOf(made);
  return { size, original_size, original_type, notes, ...(made.scores === undefined ? {} : { scores: made.scores }) };
}

/** Copies the stored files, so that a change to the copy does not change the store. Throws UserError `disk-full`. */
function copyExport(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  const names = readdirSync(from);
  const needed = names.reduce((sum, name) => sum + statSync(join(from, name)).size, 0);
  const { bavail, bsize } = statfsSync(to);
  if (bavail * bsize < needed) {
    throw new UserError("disk-full", `${to} needs ${gigabytes(needed)}, and ${gigabytes(bavail * bsize)} are free`, {
      help: "free some space, or name a folder on another disk with --out",
    });
  }
  for (const name of names) {
    const target = join(to, name);
    rmSync(target, { force: true });
    copyFileSync(join(from, name), target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  }
}

/** The table of what the export lost, its size and its speed. */
function exportText(made: ExportedModel, type: string): string {
  const { size, original_size, original_type, notes } = writtenOf(made);
  const { scores } = made;
  const own = scores?.own ?? "run";
  const rows = [
    ["", `${own} (weights ${original_type})`, type, `${type} − ${own}`],
    ...(scores === undefined ? [] : scoreRows(scores)),
    ["size", bytesText(original_size), bytesText(size), `${((100 * size) / original_size).toFixed(0)} % of it`],
    ...(scores === undefined ? [] : [speedRow(scores)]),
  ];
  const head =
    scores === undefined
      ? ""
      : `${plural(scores.comparison.n, "validation row")}, ${scores.comparison.view} view, 95 % intervals over cases\n\n`;
  return `${head}${table(rows)}${notes.map((note) => `note: ${note}\n`).join("")}\n`;
}

const bytesText = (bytes: number): string => (bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : gigabytes(bytes));

function scoreRows({ own, exported, comparison }: ExportScores): readonly (readonly string[])[] {
  const pair = comparison.pairs.find(({ a, b }) => a === exported || b === exported);
  const sign = pair?.a === exported ? 1 : -1;
  return Object.keys(comparison.arms[own] ?? {}).map((metric) => {
    const found = pair?.metrics[metric];
    const { difference = 0, low, high } = found ?? {};
    const ends = sign === 1 ? { low, high } : { low: negated(high), high: negated(low) };
    return [
      metric,
      withInterval(comparison.arms[own]?.[metric]),
      withInterval(comparison.arms[exported]?.[metric]),
      found === undefined ? missing : `${signed(sign * difference)} ${signedBounds(ends)}`,
    ];
  });
}

const negated = (value: number | undefined): number | undefined => (value === undefined ? undefined : -value);

function speedRow({ own, exported, speed }: ExportScores): readonly string[] {
  const cell = (name: string): string => {
    const { device, tokens_per_second: rate } = speed[name] ?? {};
    return rate === undefined ? missing : `${rate}${device === undefined ? "" : ` (${device})`}`;
  };
  return ["tokens/s", cell(own), cell(exported), ""];
}
