import { readStart } from "../../../util/regular-file.ts";
import { UserError } from "../../../util/user-error.ts";

/** Bytes. The vocabulary of 260,000 tokens with merges and scores needs 20 MB. */
const largestMetadata = 200e6;

/** Bytes of a value by its type: u8, i8, u16, i16, u32, i32, f32, bool, and from 10 on u64, i64, f64. */
const sizes: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const text = 8;
const array = 9;

/**
 * The keys and texts in the metadata of a GGUF file, such as its name, tags and chat template. The lists of its
 * tokenizer, which hold the vocabulary, are left out. Throws UserError `gguf-invalid`. Layout:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function metadataTexts(path: string): readonly string[] {
  const bytes = readStart(path, largestMetadata);
  let at = 0;
  const take = (size: number): Buffer => {
    if (!(size >= 0) || at + size > bytes.length) throw invalid(path);
    at += size;
    return bytes.subarray(at - size, at);
  };
  const count = (): number => Number(take(8).readBigUInt64LE());
  const string = (): string => take(count()).toString("utf8");
  const texts: string[] = [];
  const read = (type: number, isKept: boolean): void => {
    if (type === text && isKept) texts.push(string());
    else if (type === text) take(count());
    else if (type === array) {
      const [inner, items] = [take(4).readUInt32LE(), count()];
      // A list of lists of lists is no vocabulary, and its depth would be unbounded.
      if (inner === array) throw invalid(path);
      if (inner === text) for (let item = 0; item < items; item++) read(text, isKept);
      else take(items * (sizes[inner] ?? Number.NaN));
    } else take(sizes[type] ?? Number.NaN);
  };
  if (take(4).toString("latin1") !== "GGUF") throw invalid(path);
  take(4 + 8);
  for (let left = count(); left > 0; left--) {
    const key = string();
    texts.push(key);
    const type = take(4).readUInt32LE();
    read(type, type !== array || !key.startsWith("tokenizer."));
  }
  return texts;
}

function invalid(path: string): UserError {
  return new UserError("gguf-invalid", `${path} is not a GGUF file, or its metadata are damaged`, {
    help: "export the model again",
    status: "refused",
  });
}
