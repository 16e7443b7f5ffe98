import type { RunFacts } from "../../reporting/report/study.ts";
import type { ReleaseFile } from "./release.ts";

type Ends = { readonly low: number; readonly high: number; readonly method: string };

/** All that a card says of a run. */
export type CardFacts = {
  readonly run: RunFacts;
  /** Arm -> view -> metric -> its 95 % interval. */
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Ends>>>>>>;
  readonly repo: string;
  /** Absent while nobody has named one, which the gate refuses. */
  readonly license: string | undefined;
  /** What is in the repository: an adapter, or a whole model that was merged or trained in full. */
  readonly kind: "adapter" | "merged" | "full";
  /** The base on the hub, and its commit where the run's own base was that commit. */
  readonly base: { readonly name: string; readonly revision: string | null };
  /** Paths of the prompt's template and, where there is one, of the messages with a place for the text. */
  readonly template: string;
  readonly messages: string | undefined;
  /** Every other file of the repository. */
  readonly files: readonly ReleaseFile[];
};
