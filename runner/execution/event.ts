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
  /** Files, and their bytes, that were sent or would be. */
  readonly sent: number;
  readonly bytes: number;
  readonly reasons: readonly { readonly code: string; readonly message: string; readonly help: string }[];
};

/** All that a reporter learns of a run, and the lines of `--json`. */
export type Event =
  | {
      readonly type: "plan";
      readonly runs: number;
      /** What the machine costs an hour, where all runs say the same. */
      readonly price_per_hour?: number;
      readonly steps: readonly {
        readonly id: string;
        readonly kind: string;
        readonly status: "cached" | "run" | "depends";
        readonly reason: string;
        /** What sets the one run of a sweep apart that has the step; absent where several have it. */
        readonly run?: string;
        /** The least that it is expected to take. */
        readonly seconds?: number;
      }[];
    }
  /** A run of a sweep was scored, by what it is chosen by or by its primary metric; `lowerIsBetter` of losses. */
  | {
      readonly type: "score";
      readonly run: string;
      readonly metric: string;
      readonly value: number;
      readonly lowerIsBetter: boolean;
    }
  | { readonly type: "step-start"; readonly step: string; readonly kind: string }
  /** A step that was started has what it waited for: cores, a GPU, its turn. For those who watch. */
  | { readonly type: "step-begun"; readonly step: string }
  | ({ readonly type: "progress"; readonly step: string } & Progress)
  | {
      readonly type: "step-end";
      readonly step: string;
      readonly status: StepStatus;
      readonly seconds: number;
      /** A failed step says what happened and what to do, with the last lines of its log and the log's path. */
      readonly error?: {
        readonly code: string;
        readonly message: string;
        readonly help?: string;
        readonly log?: string;
        readonly tail?: readonly string[];
      };
      /** A skipped step names the step that it waited for. */
      readonly because?: string;
    }
  /** What the user should know besides: of the mirror. */
  | { readonly type: "note"; readonly level: "info" | "warning"; readonly message: string }
  | UploadEvent
  | {
      readonly type: "run-end";
      readonly run: string;
      readonly status: "done" | "failed" | "interrupted";
      readonly manifest: string | null;
    };
