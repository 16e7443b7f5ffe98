import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readResult } from "../../pipeline/result-files.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import { taskOf } from "../../pipeline/steps/task.ts";
import { formats } from "../../plugins/formats/registry.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { readStart } from "../../util/regular-file.ts";
import { absolutePathIn, secretIn, sentenceIn } from "./leak-patterns.ts";
import { decodings, unescaped, visible } from "./normalise-text.ts";
import { type FailedCheck, failedCheck, type Release, type ReleaseFile } from "./release.ts";
import { RowSearch } from "./row-search.ts";
import { type PrivateText, readSourceTexts, type SourceFiles } from "./source-rows.ts";

/** Files of weights and tokenizers without text. */
const isBinary = (path: string): boolean => /\.(model|bin)$/.test(path);
/** Bytes. */
const largestHeader = 100e6;

/** Names and secrets of this machine and process, which must not be published. */
export type PrivateNames = {
  /** Folders of the project and of the user. */
  readonly own: readonly string[];
  /** Replaces secrets of this process in a text. */
  redact(text: string): string;
};

/**
 * Searches the texts of a release for rows, absolute paths and secrets, and its labels for sentences. Reports the first of each
 * kind in each file.
 */
export async function scanForLeaks(
  run: FinishedRun,
  release: Release,
  { own, redact, ...files }: PrivateNames & SourceFiles,
): Promise<readonly FailedCheck[]> {
  const known = filesOfBase(run);
  const texts = Object.fromEntries(
    release.files
      .filter((file) => !known.has(file.sha256))
      .flatMap((file) => {
        const text = textOf(file);
        return text === undefined ? [] : [[file.path, text]];
      }),
  );
  const searched = Object.entries(texts).map(([path, text]) => [path, withoutPermitted(text, path, release)]);
  return [
    ...(await findRows(run, Object.fromEntries(searched), files)),
    ...findSentences(run),
    ...Object.entries(texts).flatMap(([name, text]) => findPathsAndSecrets(name, text, own, redact)),
  ];
}

function withoutPermitted(text: string, path: string, { files }: Release): string {
  const content = files.find((file) => file.path === path)?.content;
  const permitted = content !== undefined && "text" in content ? (content.permitted ?? []) : [];
  return permitted.reduce((rest, passage) => rest.replace(passage, () => ""), text);
}

/** The text of a file to publish. Of weights the header or metadata, which have free text; undefined for others. */
function textOf({ path, content }: ReleaseFile): string | undefined {
  if ("text" in content) return content.text;
  if (path.endsWith(".safetensors")) {
    const length = readStart(content.file, 8);
    const size = length.length < 8 ? 0 : Number(length.readBigUInt64LE());
    return readStart(content.file, 8 + Math.min(size, largestHeader)).toString("utf8", 8);
  }
  const format = [...formats].find(({ file }) => basename(path) === file);
  if (format !== undefined) return format.textsIn(content.file).join("\n");
  return isBinary(path) ? undefined : readFileSync(content.file, "utf8");
}

/** Digests of the files in the repository of the base model. They are public already. */
function filesOfBase({ path }: FinishedRun): ReadonlySet<string> {
  const file = join(dirname(path), "model.json");
  if (!existsSync(file)) return new Set();
  // A local folder has no revision here, also if the experiment names one.
  const { revision, files } = readResult("model.json", file);
  if (revision === null) return new Set();
  return new Set(Object.values(files).map(({ sha256 }) => sha256));
}

/** Names of the texts that contain a row of the run's data files. */
export async function textsWithRows(
  run: FinishedRun,
  texts: Readonly<Record<string, string>>,
  files: SourceFiles,
): Promise<ReadonlySet<string>> {
  const search = new RowSearch(texts);
  const { texts: sources } = await readSourceTexts(run, labelsOf(run), files);
  const inputs = rowFiles(run).flatMap(({ file }) => rowsOf(file).map(({ input }) => input));
  return new Set([
    ...inputs.flatMap((input) => [...search.textsWith(input)]),
    ...sources.flatMap((one) => [...textsWith(search, one)]),
  ]);
}

const textsWith = (search: RowSearch, { text, isShort }: PrivateText): ReadonlySet<string> =>
  isShort ? search.textsWithWords(text) : search.textsWith(text);

/** The labels of the targets, which a release contains; none for a task without labels. */
function labelsOf(run: FinishedRun): readonly string[] {
  if (taskOf(run.manifest.config).labels === undefined) return [];
  const labels = rowFiles(run).flatMap(({ file }) =>
    rowsOf(file).flatMap(({ gold }) => [gold].flat().filter((one) => typeof one === "string")),
  );
  return [...new Set(labels)];
}

function findSentences(run: FinishedRun): readonly FailedCheck[] {
  for (const label of labelsOf(run)) {
    const reason = sentenceIn(label);
    if (reason === undefined) continue;
    const shown = label.length > 60 ? `${label.slice(0, 60)}…` : label;
    const help = "correct the target column. Labels are published, so none may describe a person";
    return [failedCheck("leak-label", `the label ${JSON.stringify(shown)} ${reason}`, help)];
  }
  return [];
}

type Row = { readonly id: string; readonly input: string; readonly gold?: unknown };

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

async function findRows(
  run: FinishedRun,
  texts: Readonly<Record<string, string>>,
  files: SourceFiles,
): Promise<readonly FailedCheck[]> {
  const search = new RowSearch(texts);
  const found = new Map<string, FailedCheck>();
  const report = (where: string, what: string): void => {
    const help = "remove the text from the template or description that it comes from";
    if (!found.has(where)) found.set(where, failedCheck("leak-row", `${where} contains text of ${what}`, help));
  };
  const searched = new Set<string>();
  for (const { name, file } of rowFiles(run)) {
    if (!existsSync(file)) {
      const help = `run ${run.manifest.file} again, which builds only what is missing`;
      found.set(file, failedCheck("file-gone", `${name} is missing, so its rows cannot be searched for`, help));
    }
    for (const { id, input } of rowsOf(file)) {
      searched.add(input);
      for (const where of search.textsWith(input)) report(where, `row ${id} (${name})`);
    }
  }
  const sources = await readSourceTexts(run, labelsOf(run), files);
  for (const one of sources.texts) {
    if (!searched.has(one.text)) for (const where of textsWith(search, one)) report(where, one.place);
  }
  return [...found.values(), ...sources.failed];
}

function findPathsAndSecrets(
  name: string,
  text: string,
  own: readonly string[],
  redact: (text: string) => string,
): readonly FailedCheck[] {
  const path = absolutePathIn(name, text, own);
  const plain = [...decodings(text), unescaped(text)];
  const secret =
    plain.map(secretIn).find((kind) => kind !== undefined) ??
    (plain.flatMap((one) => [one, visible(one)]).every((one) => redact(one) === one)
      ? undefined
      : "a secret of this machine");
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
