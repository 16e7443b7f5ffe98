import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { StoredFile } from "../../pipeline/plan/record.ts";

/** Writes a stream to a path, flushed. If the digest is wrong or the stream fails, deletes the file and gives false or throws. */
export async function writeVerified(
  source: Readable,
  path: string,
  { sha256 }: StoredFile,
  signal: AbortSignal,
): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  const hash = createHash("sha256");
  const hashed = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  let isIntact = false;
  // A link at this path is deleted and not followed.
  await rm(path, { force: true });
  try {
    await pipeline(source, hashed, createWriteStream(path, { flags: "wx", flush: true }), { signal });
    isIntact = hash.digest("hex") === sha256;
  } finally {
    if (!isIntact) await rm(path, { force: true });
  }
  return isIntact;
}
