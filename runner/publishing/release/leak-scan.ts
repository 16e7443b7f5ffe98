import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readResult } from "../../pipeline/result-files.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { absolutePathIn, RowSearch, secretIn } from "./leak-patterns.ts";
import { type FailedCheck, failedCheck, type Release, type ReleaseFile } from "./release.ts";

/** Files of weights, which are not searched. */
const isBinary = ({ path }: ReleaseFile): boolean => /\.(safetensors|model|bin)$/.test(path);

/** Names and secrets of this machine and process, which must not be published. */
export type PrivateNames = {
  /** Folders of the project and of the user. */
  readonly own: readonly string[];
  /** Replaces secrets of this process in a text. */
  redact(text: string): string;
};

/** Searches the texts of a release for rows, absolute paths and secrets. Reports the first of each kind in each file. */
export function scanForLeaks(
  run: FinishedRun,
  release: Release,
  { own, redact }: PrivateNames,
): readonly FailedCheck[] {
  const known = filesOfBase(run);
  const texts = Object.fromEntries(
    release.files
      .filter((file) => !isBinary(file) && !known.has(file.sha256))
      .map((file) => [file.path, "text" in file.content ? file.content.text : readFileSync(file.content.file, "utf8")]),
  );
  return [
    ...findRows(run, texts),
    ...Object.entries(texts).flatMap(([name, text]) => findPathsAndSecrets(name, text, own, redact)),
  ];
}

/** Digests of the files in the repository of the base model. They are public already. */
function filesOfBase({ manifest, path }: FinishedRun): ReadonlySet<string> {
  const { base, revision } = manifest.config.model;
  const file = join(dirname(path), "model.json");
  if (revision === undefined || !base.includes("/") || !existsSync(file)) return new Set();
  const { files } = readResult("model.json", file);
  return new Set(Object.values(files).map(({ sha256 }) => sha256));
}

/** Names of the texts that contain a row of the run's data. */
export function textsWithRows(run: FinishedRun, texts: Readonly<Record<string, string>>): ReadonlySet<string> {
  const search = new RowSearch(texts);
  return new Set(
    rowFiles(run).flatMap(({ file }) => rowsOf(file).flatMap(({ input }) => [...search.textsWith(input)])),
  );
}

type Row = { readonly id: string; readonly input: string };

/** Rows of a file; none if the file is missing, which `findRows` reports. */
const rowsOf = (file: string): readonly Row[] => (existsSync(file) ? readJsonLines<Row>(file) : []);

/** Every file of rows of the run's data steps. */
function rowFiles({ manifest, path }: FinishedRun): readonly { readonly name: string; readonly file: string }[] {
  return Object.entries(manifest.steps)
    .filter(([, { kind }]) => kind === "data")
    .flatMap(([step, { files }]) =>
      Object.keys(files)
        .filter((name) => name.endsWith(".jsonl"))
        .map((name) => ({ name, file: join(dirname(path), outputFolder(step), name) })),
    );
}

function findRows(run: FinishedRun, texts: Readonly<Record<string, string>>): readonly FailedCheck[] {
  const search = new RowSearch(texts);
  const found = new Map<string, FailedCheck>();
  for (const { name, file } of rowFiles(run)) {
    if (!existsSync(file)) {
      const help = `run ${run.manifest.file} again, which builds only what is missing`;
      found.set(file, failedCheck("file-gone", `${name} is missing, so its rows cannot be searched for`, help));
    }
    for (const { id, input } of rowsOf(file)) {
      for (const where of search.textsWith(input)) {
        if (found.has(where)) continue;
        const message = `${where} contains text of row ${id} (${name})`;
        const help = "remove the text from the template or description that it comes from";
        found.set(where, failedCheck("leak-row", message, help));
      }
    }
  }
  return [...found.values()];
}

function findPathsAndSecrets(
  name: string,
  text: string,
  own: readonly string[],
  redact: (text: string) => string,
): readonly FailedCheck[] {
  const path = absolutePathIn(name, text, own);
  const secret = secretIn(text) ?? (redact(text) === text ? undefined : "a secret of this machine");
  return [
    ...(path === undefined
      ? []
      : [
          failedCheck(
            "leak-path",
            `${name} contains an absolute path: ${path}`,
            "write paths relative to the experiment",
          ),
        ]),
    ...(secret === undefined
      ? []
      : [failedCheck("leak-secret", `${name} contains ${secret}`, "remove it and revoke the secret")]),
  ];
}
