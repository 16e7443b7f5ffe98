import { UserError } from "./user-error.ts";

/** Characters of all names of a listing. */
const mostCharacters = 200e6;

/** Counts pages and entries of a listing, so that a server cannot send an endless one. */
export class ListingLimits {
  #pages = 0;
  #entries = 0;
  #characters = 0;
  readonly #seen = new Set<string>();
  readonly #place: string;
  readonly #started = performance.now();

  constructor(place: string) {
    this.#place = place;
  }

  /** Counts a page by what it is requested with. Throws UserError `listing-too-long`, also for a page that was requested before. */
  page(request: string): void {
    this.#pages += 1;
    this.#characters += request.length;
    const isRepeated = this.#seen.size === this.#seen.add(request).size;
    if (
      isRepeated ||
      this.#pages > 5_000 ||
      this.#characters > mostCharacters ||
      performance.now() - this.#started > 1_800_000
    )
      throw this.#error();
  }

  /** Counts an entry by its name. Throws UserError `listing-too-long`. */
  entry(name: string): void {
    this.#entries += 1;
    this.#characters += name.length;
    if (this.#entries > 1_000_000 || this.#characters > mostCharacters) throw this.#error();
  }

  #error(): UserError {
    const message = `${this.#place}: the list of files has more than a million entries, 5,000 pages or 200 MB of names, repeats a page, or takes over 30 min`;
    return new UserError("listing-too-long", message, { help: "use a place of its own for the runs of exp" });
  }
}
