/** A form of data files. */
export type Format = "csv" | "tsv" | "jsonl" | "json" | "parquet" | "xlsx";

const formatOf: Readonly<Record<string, Format>> = {
  csv: "csv",
  txt: "csv",
  tsv: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  parquet: "parquet",
  xlsx: "xlsx",
};

/** Names of files that are read, for errors. */
export const formatNames = ".csv, .tsv, .jsonl, .json, .parquet or .xlsx, each also as .gz";

/** The format that a file name states, and whether the file is gzipped; undefined for any other name. */
export function formatByName(path: string): { readonly format: Format; readonly isGzip: boolean } | undefined {
  const [, extension = "", gz] = /\.([^./\\]+?)(\.gz)?$/i.exec(path) ?? [];
  const format = Object.hasOwn(formatOf, extension.toLowerCase()) ? formatOf[extension.toLowerCase()] : undefined;
  return format && { format, isGzip: gz !== undefined };
}

/** Whether a name may be the id of a repository of the hub, "owner/name" or "name". */
export const isRepository = (name: string): boolean => /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(name);

/** What to write instead of an address; undefined for a path. A path from it may have lost a slash: "https:/host". */
export function addressHelp(name: string): string | undefined {
  const [, scheme = "", place = ""] = /^([a-z][a-z0-9+.-]+):\/+(.+)$/i.exec(name) ?? [];
  if (place === "") return undefined;
  const onHub = /^hf$/i.test(scheme) ? place : /^(?:www\.)?huggingface\.co\/(.+)$/.exec(place)?.[1];
  const [, repository] = /^datasets\/([\w.-]+\/[\w.-]+?)(?:@[^/]*)?(?:\/|$)/.exec(onHub ?? "") ?? [];
  return repository === undefined
    ? "download the file, and name its path"
    : `write {hub: ${repository}} in place of {file: …}, then run exp pin on this file`;
}

/** The format that the first bytes of a file show, of those that are no text. */
export function formatByContent(bytes: Uint8Array): "parquet" | "xlsx" | "gzip" | undefined {
  const starts = (text: string): boolean => [...text].every((character, at) => bytes[at] === character.charCodeAt(0));
  if (starts("PAR1")) return "parquet";
  if (starts("PK\x03\x04")) return "xlsx";
  return starts("\x1f\x8b") ? "gzip" : undefined;
}

/** What to write instead of a name that is no data file. `exists`: it names a file or folder, and no data set. */
export function formatHelp(name: string, exists = false): string {
  if (!exists && isRepository(name) && !/\.[a-z]{1,5}$/i.test(name)) {
    return `for a data set of the hub write {hub: ${name}} in place of {file: ${name}}, then run exp pin on this file; for a file add its ending, such as .csv`;
  }
  if (/\.(zip|7z|rar|tar|tgz|bz2|xz|zst)$/i.test(name)) return `unpack it; exp reads ${formatNames}`;
  if (/\.(xls|xlsm|xlsb|ods|numbers)$/i.test(name)) return "save it as .xlsx or .csv";
  if (/\.(arrow|feather|pkl|pickle|h5|sqlite|db|rds|sav|dta)$/i.test(name))
    return "write it as .parquet or .csv, for example with pandas";
  return `use ${formatNames}`;
}
