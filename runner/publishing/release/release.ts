/** One file of a repository. */
export type ReleaseFile = {
  /** Path in the repository, with forward slashes. */
  readonly path: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /**
   * A file of the finished run, or generated text. `permitted` are passages of the text that the study permits to publish: the
   * search for rows leaves them out.
   */
  readonly content: { readonly file: string } | { readonly text: string; readonly permitted?: readonly string[] };
};

/** The files to publish of one finished run. The same run gives the same bytes on every machine. */
export type Release = {
  /** Type of the repository on the hub. */
  readonly type: "model" | "dataset";
  /** owner/name on the hub. */
  readonly repo: string;
  readonly private: boolean;
  readonly title: string;
  readonly files: readonly ReleaseFile[];
};

/** A pre-publish check that failed. */
export type FailedCheck = { readonly code: string; readonly message: string; readonly help: string };

export const failedCheck = (code: string, message: string, help: string): FailedCheck => ({ code, message, help });
