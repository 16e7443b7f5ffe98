import type { Json } from "../util/canonical.ts";
import type { Progress } from "../util/progress.ts";
import type { Work } from "./measurement.ts";
import type { MetricProcess, OwnMetric } from "./metrics/own-metric.ts";

/** A file or folder that another step of the same plan writes. */
export type FileOf = { readonly step: string; readonly file: string };

/** What the scheduler reserves for a step: CPU cores, GPUs and bytes of main memory. */
export type Needs = {
  readonly cores: number;
  readonly gpus: number;
  readonly memory: number;
  /** Maximum bytes of memory of each GPU, if an estimate exists. */
  readonly gpuMemory?: number;
};

/** A low and a high estimate. */
type Span = readonly [low: number, high: number];

/**
 * The resources that a step is expected to use, for plans and for the check of the machine before a run. Memory in
 * bytes.
 */
export type Expected = {
  readonly device: "cpu" | "cuda";
  /** Number of GPUs that the step requires. */
  readonly gpus: number;
  /** Main memory. */
  readonly memory?: Span;
  /** Memory of each GPU. */
  readonly gpu_memory?: Span;
  readonly seconds?: Span;
  /** What the estimates of this step, and of later ones, are measured by. */
  readonly work?: Work;
  /** The step of this machine from which the time was estimated, as a text. */
  readonly measured?: string;
  /** Bytes to download. */
  readonly download?: number;
  /** What the experiment declares about the machine; `elsewhere` if the steps run on another machine than this one. */
  readonly declared: { readonly memory?: number; readonly gpu_memory?: number; readonly elsewhere?: true };
  /** Settings that need less memory, the one to try first at the start. */
  readonly smaller: readonly string[];
  /** Whether the step reduces its batch if memory is short. */
  readonly adapts: boolean;
  /** Another setting that does the same faster here, as a sentence. */
  readonly faster?: string;
  /** What the implementation does not support: this device, precision or model. */
  readonly unsupported?: { readonly code: string; readonly message: string; readonly help: string };
  /** Packages that the step imports and that its environment, which is set up on this machine, does not contain. */
  readonly absent?: { readonly environment: string; readonly packages: readonly string[] };
};

/** One step of one experiment: everything that may change its output, and where its inputs are. */
export type Draft<P extends Json = Json> = {
  /** Unique within the experiment: "train", "generate.zero_shot". */
  readonly id: string;
  /** Name of the step kind that carries it out. */
  readonly kind: string;
  readonly params: P;
  /** Logical name -> absolute path. The content is part of the cache key, the path is not. */
  readonly sources: Readonly<Record<string, string>>;
  /** Logical name -> upstream file. The content is part of the cache key. */
  readonly inputs: Readonly<Record<string, FileOf>>;
  /** Logical name -> path or address on this machine, such as the folder of the weights. Not part of the cache key. */
  readonly localPaths: Readonly<Record<string, string>>;
  /** Settings that do not change the output, such as the interval of checkpoints. Not part of the cache key. */
  readonly hints: Readonly<Record<string, Json>>;
  /** The key that a TypeScript step sends to a server. Not part of the cache key. */
  readonly credential?: Credential;
  /**
   * The Python environment that the step runs in. Its lock file is among the sources. Provenance records its packages.
   */
  readonly environment?: string;
  /** Steps that must end first although this one reads none of their files. Not part of the cache key. */
  readonly after: readonly string[];
  readonly needs: Needs;
  /** Steps with the same reuse key may share one Python process. Not part of the cache key. */
  readonly reuseKey?: string;
  /** Not part of the cache key. */
  readonly expects?: Expected;
};

/** An environment variable whose value a step sends to a server as a key. */
export type Credential = { readonly variable: string; readonly url: string };

/** A module of recipes/ and how it runs. */
export type PythonProgram = {
  /** Dotted name, such as "recipes.steps.fetch". */
  readonly module: string;
  /** Name of its environment, as for `exp setup`. */
  readonly environment: string;
  /** Whether it may use the network. Default: no. */
  readonly network?: boolean;
  /** Names of environment variables with secrets that it receives. */
  readonly secrets?: readonly string[];
};

/** What a running step may use. Every effect of a step goes through it. */
export type StepContext = {
  /** Staging folder: a declared output is written here under its declared name. */
  readonly output: string;
  /** Folder that is kept until the step succeeds, for what a resume needs. */
  readonly work: string;
  /** Whether the draft has an input, or a source, of this name. */
  hasInput(name: string): boolean;
  hasSource(name: string): boolean;
  /** Path of an upstream file in `inputs`. */
  input(name: string): string;
  /** Path of a source: of its snapshot if it is small. */
  source(name: string): string;
  localPath(name: string): string;
  hint(name: string): Json | undefined;
  readonly credential: Credential | undefined;
  /**
   * The value of the draft's `credential`, for the server that the credential names; undefined if the draft has none or
   * the variable is not set. Throws UserError `key-not-paired` if the user's configuration does not pair variable and
   * server.
   */
  secret(): string | undefined;
  /**
   * Runs a module of recipes/ from its snapshot, with the step's parameters, inputs, sources and local paths. `made`
   * are further inputs: files that the step has written to its work folder.
   */
  python(program: PythonProgram, made?: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Starts the process of a user's metric, whose file is at a path. It ends with the step. Its calls wait. Throws
   * UserError.
   */
  metric(file: string, limits: Pick<OwnMetric, "timeout" | "memory">): MetricProcess;
  progress(progress: Progress): void;
  /** Stores values in the step's record, not in its key: device, batch size, peak memory. */
  evidence(values: Readonly<Record<string, Json>>): void;
  /** Lets timers and signals run during a long computation. Throws if the run is to stop. */
  pause(): Promise<void>;
  /** Cores that the scheduler reserved for this step. */
  readonly cores: number;
  readonly signal: AbortSignal;
};

/** One kind of step. Method syntax makes StepKind<P> assignable to StepKind. */
export type StepKind<P extends Json = Json> = {
  readonly name: string;
  /** Increase it when run() changes what it writes. It is part of the cache key. */
  readonly version: number;
  /** False for a step that depends on the machine or has effects outside its output. */
  readonly cached: boolean;
  /** Milliseconds for which the result of a step that is not cached counts, on the same machine. Default: 0. */
  readonly currentFor?: number;
  /** Whether a result that counts for some hints counts for others too. Default: if they are equal. */
  coversHints?(earlier: Json, now: Draft<P>["hints"]): boolean;
  /** Whether it downloads from the hub. It runs on this machine, before jobs are submitted. Default: no. */
  readonly usesNetwork?: boolean;
  /** Files to store; nothing else is stored. A name that ends in "/" is a folder. */
  outputs(params: P): readonly string[];
  run(params: P, context: StepContext): Promise<void>;
  /** The hints of a step that several drafts share. Default: those of the first draft. */
  joinHints?(one: Draft<P>["hints"], other: Draft<P>["hints"]): Draft<P>["hints"];
  /** Whether the step ends early and keeps its work folder for a step that resumes it. Default: no. */
  pauses?(params: P): boolean;
  /** Whether files outside the store that the output describes still exist, such as weights. Default: yes. */
  holds?(draft: Draft<P>, dir: string): boolean;
};
