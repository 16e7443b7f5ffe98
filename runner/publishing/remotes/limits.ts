import { amount } from "../../util/format.ts";
import { UserError } from "../../util/user-error.ts";

/** Largest manifest or record that is read into memory. Bytes */
export const maxTextBytes = 64 * 2 ** 20;

/** The error for a text file of a remote store that is larger. */
export function textTooLarge(place: string, name: string): UserError {
  return new UserError(
    "response-too-large",
    `${place}: ${name} is larger than ${amount(maxTextBytes, undefined, "bytes")}`,
    {
      help: "delete the file there. It is not a manifest or record of exp",
    },
  );
}
