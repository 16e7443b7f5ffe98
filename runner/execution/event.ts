import type { Progress } from "../util/progress.ts";

/** How a step ended. */
export type StepStatus = "built" | "reused" | "failed" | "skipped";

/** How the upload of a sealed run ended. */
export type UploadEvent = {
  readonly type: "upload";
  readonly run: string;
  readonly status: "uploaded" | "unchanged" | "would-upload" | "refused" | "failed";
  readonly repo: string;
  readonly url: string;
  readonly private: boolean;
  readonly commit: string | null;
  readonly files: number;
  /** Number of files that were sent or would be, and their bytes. */
  readonly sent: number;
  readonly bytes: number;
  readonly reasons: readonly { readonly code: string; readonly message: string; readonly help: string }[];
};

/** An event of a run: what reporters show, and the lines of `--json`. */
export type Event =
  | {
      readonly type: "plan";
      readonly runs: number;
      /** Price of the machine per hour, if all runs declare the same. */
      readonly price_per_hour?: number;
      readonly steps: readonly {
        readonly id: string;
        readonly kind: string;
        readonly status: "cached" | "run" | "depends";
        readonly reason: string;
        /** Coordinates of the run that the step belongs to. Absent if several runs share it. */
        readonly run?: string;
        /** A readable name, "train (rank=8)", if there is one. */
        readonly label?: string;
        /** The low estimate of its time. */
        readonly seconds?: number;
      }[];
    }
  /** A run of a sweep was evaluated: its primary metric. */
  | {
      readonly type: "score";
      readonly run: string;
      readonly metric: string;
      readonly value: number;
      readonly lowerIsBetter: boolean;
    }
  /** A step has waited for a second: for "2 cores", or for another process that builds it. */
  | { readonly type: "step-wait"; readonly step: string; readonly kind: string; readonly for: string }
  /** A step has its resources and works. `log` is the name of its log, which steps in Python have. */
  | { readonly type: "step-start"; readonly step: string; readonly kind: string; readonly log: string }
  | ({ readonly type: "progress"; readonly step: string } & Progress)
  | {
      readonly type: "step-end";
      readonly step: string;
      readonly status: StepStatus;
      readonly seconds: number;
      /** Of a failed step: the error, the path of its log and the log's last lines. */
      readonly error?: {
        readonly code: string;
        readonly message: string;
        readonly help?: string;
        readonly log?: string;
        readonly tail?: readonly string[];
      };
      /** Of a skipped step: the step that it needs and that failed, or "interrupted". */
      readonly because?: string;
    }
  /** Other information, such as about the mirror. */
  | { readonly type: "note"; readonly level: "info" | "warning"; readonly message: string }
  | UploadEvent
  | {
      readonly type: "run-end";
      readonly run: string;
      readonly status: "done" | "failed" | "interrupted";
      readonly manifest: string | null;
    };
