import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readResult } from "../../pipeline/result-files.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { absolutePathIn, RowSearch, secretIn } from "./leak-patterns.ts";
import { type Refusal, type Release, type ReleaseFile, refusal } from "./release.ts";

/** Files that hold numbers and no words. */
const isBinary = ({ path }: ReleaseFile): boolean => /\.(safetensors|model|bin)$/.test(path);

/** What this machine and this process are called by, and must not be published. */
export type Private = {
  /** Folders whose names must not be published: this project's and this user's. */
  readonly own: readonly string[];
  /** Replaces the secrets of this process in a text. */
  redact(text: string): string;
};

/** Rows, absolute paths and secrets in the texts of a release; the first of each kind in each file. */
export function leaks(run: FinishedRun, release: Release, { own, redact }: Private): readonly Refusal[] {
  const published = publishedByBase(run);
  const texts = Object.fromEntries(
    release.files
      .filter((file) => !isBinary(file) && !published.has(file.sha256))
      .map((file) => [file.path, "text" in file.content ? file.content.text : readFileSync(file.content.file, "utf8")]),
  );
  return [...rowsIn(run, texts), ...Object.entries(texts).flatMap(([name, text]) => placesIn(name, text, own, redact))];
}

/** Digests of files that the base's own repository has: whatever they say, the world knows it already. */
function publishedByBase({ manifest, path }: FinishedRun): ReadonlySet<string> {
  const { base, revision } = manifest.config.model;
  const file = join(dirname(path), "model.json");
  if (revision === undefined || !base.includes("/") || !existsSync(file)) return new Set();
  const { files } = readResult("model.json", file);
  return new Set(Object.values(files).map(({ sha256 }) => sha256));
}

/** Names of the texts that hold words of a row of the run's data. */
export function textsWithRows(run: FinishedRun, texts: Readonly<Record<string, string>>): ReadonlySet<string> {
  const search = new RowSearch(texts);
  return new Set(
    rowFiles(run).flatMap(({ file }) => rowsOf(file).flatMap(({ input }) => [...search.textsWith(input)])),
  );
}

type Row = { readonly id: string; readonly input: string };

/** Rows of a file; none where it is gone, which `rowsIn` refuses. */
const rowsOf = (file: string): readonly Row[] => (existsSync(file) ? readJsonLines<Row>(file) : []);

/** Every file of rows that the run's data steps wrote. */
function rowFiles({ manifest, path }: FinishedRun): readonly { readonly name: string; readonly file: string }[] {
  return Object.entries(manifest.steps)
    .filter(([, { kind }]) => kind === "data")
    .flatMap(([step, { files }]) =>
      Object.keys(files)
        .filter((name) => name.endsWith(".jsonl"))
        .map((name) => ({ name, file: join(dirname(path), outputFolder(step), name) })),
    );
}

function rowsIn(run: FinishedRun, texts: Readonly<Record<string, string>>): readonly Refusal[] {
  const search = new RowSearch(texts);
  const found = new Map<string, Refusal>();
  for (const { name, file } of rowFiles(run)) {
    if (!existsSync(file)) {
      const help = `run ${run.manifest.file} again, which builds only what is missing`;
      found.set(file, refusal("file-gone", `${name} is gone, so that nothing can be searched for its rows`, help));
    }
    for (const { id, input } of rowsOf(file)) {
      for (const where of search.textsWith(input)) {
        if (found.has(where)) continue;
        const message = `${where} holds words of row ${id} (${name})`;
        const help = "take the text out of the template or the description that it came from";
        found.set(where, refusal("leak-row", message, help));
      }
    }
  }
  return [...found.values()];
}

function placesIn(
  name: string,
  text: string,
  own: readonly string[],
  redact: (text: string) => string,
): readonly Refusal[] {
  const path = absolutePathIn(name, text, own);
  const secret = secretIn(text) ?? (redact(text) === text ? undefined : "a secret of this machine");
  return [
    ...(path === undefined
      ? []
      : [
          refusal("leak-path", `${name} names a place on a machine: ${path}`, "write paths relative to the experiment"),
        ]),
    ...(secret === undefined
      ? []
      : [refusal("leak-secret", `${name} holds ${secret}`, "take it out, and have the secret revoked")]),
  ];
}
