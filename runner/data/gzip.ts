import { constants, gunzipSync } from "node:zlib";
import { UserError } from "../util/user-error.ts";
import { tableLimits } from "./table-limits.ts";

/** The content of a gzip file, of at most `limit` bytes. Throws UserError. */
export function gunzip(bytes: Uint8Array, limit: number = tableLimits.bytes): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      const help = "split the file, or remove columns that the study does not use";
      throw new UserError("table-too-large", `the file has more than ${limit / 1e6} MB unpacked`, { help });
    }
    throw new UserError("broken-file", `this is no gzip file: ${(error as Error).message}`, {
      help: "compress it again, or name the file without .gz",
    });
  }
}

/** The content of the first bytes of a gzip file; empty if it is none, or if the start unpacks to more than `limit`. */
export function startOfGzip(bytes: Uint8Array, limit: number): Uint8Array {
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limit });
  } catch {
    return new Uint8Array();
  }
}
