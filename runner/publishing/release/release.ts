/** One file of a repository. */
export type ReleaseFile = {
  /** Where it stands in the repository, with forward slashes. */
  readonly path: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** A file of the finished run, or a text that was made of it. */
  readonly content: { readonly file: string } | { readonly text: string };
};

/** All that is published of one finished run. The same run gives the same bytes, whenever and wherever it is released. */
export type Release = {
  /** What the repository is on the hub. */
  readonly type: "model" | "dataset";
  /** owner/name on the hub. */
  readonly repo: string;
  readonly private: boolean;
  readonly title: string;
  readonly files: readonly ReleaseFile[];
};

/** One reason why a run must not be published as it is. */
export type Refusal = { readonly code: string; readonly message: string; readonly help: string };

/** A refusal, with its parts in the order in which people read them. */
export const refusal = (code: string, message: string, help: string): Refusal => ({ code, message, help });
