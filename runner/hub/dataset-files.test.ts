import { expect, test } from "vitest";
import { UserError } from "../util/user-error.ts";
import { type DatasetPart, filesOfPart } from "./dataset-files.ts";

const part = (more: Partial<DatasetPart> = {}): DatasetPart => ({ hub: "a/b", revision: "0".repeat(40), ...more });

function files(
  paths: readonly string[],
  split: string,
  { readme, ...more }: Partial<DatasetPart> & { readonly readme?: string } = {},
): readonly string[] | string {
  try {
    return filesOfPart(part(more), split, { paths, readme });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.code}: ${error.message}; ${error.help}`;
  }
}

test("names of folders and files tell the split", () => {
  const sharded = [
    "README.md",
    "data/train-00001-of-00002.parquet",
    "data/train-00000-of-00002.parquet",
    "data/test-00000-of-00001.parquet",
  ];
  expect(files(sharded, "train")).toEqual(["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]);
  expect(files(sharded, "test")).toEqual(["data/test-00000-of-00001.parquet"]);
  expect(files(sharded, "validation")).toBe(
    'dataset-part: a/b has no split "validation"; it has train, test; write split: with one of train, test',
  );
  expect(files(["dev/a.jsonl", "train/a.jsonl"], "validation")).toEqual(["dev/a.jsonl"]);
  expect(files(["my_train.csv", "my-eval.csv"], "test")).toEqual(["my-eval.csv"]);
  expect(files(["dump.json", "dataset_infos.json", ".hidden/x.json"], "train")).toEqual(["dump.json"]);
  expect(files(["dump.json"], "test")).toBe(
    'dataset-part: a/b has no split "test"; it has train; write test: {fraction: 0.2}, or split: train',
  );
});

test("a configuration is a folder, as in the conversion of the hub to parquet", () => {
  const paths = ["en/train/0000.parquet", "en/test/0000.parquet", "de/train/0000.parquet"];
  expect(files(paths, "train", { config: "en" })).toEqual(["en/train/0000.parquet"]);
  expect(files(paths, "train", { config: "fr" })).toContain('no configuration "fr"; write config: with one of en, de');
});

test("the README declares configurations and splits", () => {
  const readme = `---
configs:
- config_name: small
  data_files:
  - split: train
    path: "small/*.csv"
  - split: held_out
    path: [more/x.csv, more/y.csv]
- config_name: big
  default: true
  data_files: "big/**"
---
# Text
`;
  const paths = ["small/a.csv", "small/b.csv", "more/x.csv", "more/y.csv", "big/1/a.csv"];
  expect(files(paths, "train", { readme })).toEqual(["big/1/a.csv"]);
  expect(files(paths, "train", { readme, config: "small" })).toEqual(["small/a.csv", "small/b.csv"]);
  expect(files(paths, "test", { readme, config: "small", split: "held_out" })).toEqual(["more/x.csv", "more/y.csv"]);
  expect(files(paths, "train", { readme, config: "none" })).toContain("write config: with one of small, big");
  expect(files(["train.csv"], "train", { readme: "---\n- [\n---\n" })).toEqual(["train.csv"]);
});

test("files are named in place of splits, and other forms say what to do", () => {
  const paths = ["x/1.jsonl", "x/2.jsonl", "x/3.arrow"];
  expect(files(paths, "train", { files: "x/*.jsonl" })).toEqual(["x/1.jsonl", "x/2.jsonl"]);
  expect(files(paths, "train", { files: ["x/4.jsonl"] })).toBe(
    "dataset-part: a/b has no file x/4.jsonl at this commit; its files: x/1.jsonl, x/2.jsonl",
  );
  expect(files(paths, "train", { files: "x/3.arrow" })).toContain("exp pin FILE --to refs/convert/parquet");
  expect(files(["b.py"], "train")).toContain("refs/convert/parquet");
});

test("a README cannot make exp match patterns for hours", () => {
  const readme = `---\nconfigs:\n- data_files:\n  - split: train\n    path: ["*${"a".repeat(100)}b"]\n---\n`;
  const paths = Array.from({ length: 20 }, (_, at) => `${"a".repeat(200)}${at}.csv`);
  const find = (steps: number) => () => filesOfPart(part(), "train", { paths, readme, steps });
  expect(find(1e5)).toThrow(
    expect.objectContaining({ code: "dataset-part", message: expect.stringMatching(/README/) }),
  );
  expect(find(1e7)).toThrow(/no file with rows/);
});

test("a README that names a file in many entries gives it once", () => {
  const readme = `---\nconfigs:\n- data_files:\n${"  - split: train\n    path: x.csv\n".repeat(2000)}---\n`;
  expect(files(["x.csv", "y.csv"], "train", { readme })).toEqual(["x.csv"]);
});
