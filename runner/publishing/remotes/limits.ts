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

/** Counts pages and entries of a listing, so that a server cannot send an endless one. */
export class ListingLimits {
  #pages = 0;
  #entries = 0;
  readonly #seen = new Set<string>();
  readonly #place: string;
  readonly #started = performance.now();

  constructor(place: string) {
    this.#place = place;
  }

  /** Counts a page by what it is requested with. Throws UserError `listing-too-long`, also for a page that was requested before. */
  page(request: string): void {
    this.#pages += 1;
    const isRepeated = this.#seen.size === this.#seen.add(request).size;
    if (isRepeated || this.#pages > 5_000 || performance.now() - this.#started > 1_800_000) throw this.#error();
  }

  /** Throws UserError `listing-too-long`. */
  entry(): void {
    this.#entries += 1;
    if (this.#entries > 1_000_000) throw this.#error();
  }

  #error(): UserError {
    const message = `${this.#place}: the list of files has more than a million entries or 5,000 pages, repeats one, or takes over 30 min`;
    return new UserError("listing-too-long", message, { help: "use a place of its own for the runs of exp" });
  }
}
