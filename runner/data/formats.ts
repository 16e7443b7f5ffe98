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

/** What to write instead of a name that is no data file. */
export function formatHelp(name: string): string {
  if (/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(name) && !/\.[a-z]{1,5}$/i.test(name)) {
    return `for a data set of the hub write {hub: ${name}} in place of {file: ${name}}, then run exp pin on this file; for a file add its ending, such as .csv`;
  }
  if (/\.(zip|7z|rar|tar|tgz|bz2|xz|zst)$/i.test(name)) return `unpack it; exp reads ${formatNames}`;
  if (/\.(xls|xlsm|xlsb|ods|numbers)$/i.test(name)) return "save it as .xlsx or .csv";
  if (/\.(arrow|feather|pkl|pickle|h5|sqlite|db|rds|sav|dta)$/i.test(name))
    return "write it as .parquet or .csv, for example with pandas";
  return `use ${formatNames}`;
}
