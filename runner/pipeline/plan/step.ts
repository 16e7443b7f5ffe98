import type { Json } from "../../util/canonical.ts";
import type { Progress } from "../../util/progress.ts";

/** A file (or folder) that another step of the same plan writes. */
export type FileOf = { readonly step: string; readonly file: string };

/**
 * What a step takes of the machine while it runs: CPU cores, GPUs and main memory in bytes; and of each of its GPUs, where that
 * is known, so many bytes at most.
 */
export type Needs = {
  readonly cores: number;
  readonly gpus: number;
  readonly memory: number;
  readonly gpuMemory?: number;
};

/** A low and a high estimate. */
type Span = readonly [low: number, high: number];

/** What a step is expected to take, for plans and for the check of a machine before anything runs. Memory in bytes. */
export type Expected = {
  readonly device: "cpu" | "cuda";
  /** GPUs that it must have. */
  readonly gpus: number;
  /** Main memory. */
  readonly memory?: Span;
  /** Memory of each GPU. */
  readonly gpu_memory?: Span;
  readonly seconds?: Span;
  /** Bytes that are not here yet. */
  readonly download?: number;
  /** What the experiment says of the machine; `elsewhere` where the steps do not run on this one. */
  readonly declared: { readonly memory?: number; readonly gpu_memory?: number; readonly elsewhere?: true };
  /** What would make the step smaller, in the order in which one would try it. */
  readonly smaller: readonly string[];
  /** The step takes a smaller batch by itself where memory is short. */
  readonly adapts: boolean;
  /** What the backend cannot do on this device. */
  readonly lack?: { readonly message: string; readonly help: string };
  /** Packages that it needs besides, and that its environment on this machine, which is set up, does not have. */
  readonly absent?: { readonly environment: string; readonly packages: readonly string[] };
};

/** One step of one experiment: all that may change its output, and where to find what it works with. */
export type Draft<P extends Json = Json> = {
  /** Unique within the experiment: "train", "generate.zero_shot". Names the step's folder in a run. */
  readonly id: string;
  readonly kind: string;
  readonly params: P;
  /** Logical name -> absolute path; the content is in the key, the path is not, so that a moved tree is no miss. */
  readonly sources: Readonly<Record<string, string>>;
  /** Logical name -> upstream file, by content. */
  readonly inputs: Readonly<Record<string, FileOf>>;
  /** Logical name -> where a thing lies on this machine (weights, environment, work tree). In no key. */
  readonly localPaths: Readonly<Record<string, string>>;
  /** How to work, without a say in what comes out: checkpoint intervals, batch size of a generation. In no key. */
  readonly hints: Readonly<Record<string, Json>>;
  /** Order only, in no key. */
  readonly after: readonly string[];
  readonly needs: Needs;
  /** Steps of one kin load the same thing first: one process may run them one after the other. In no key. */
  readonly reuseKey?: string;
  /** In no key. */
  readonly expects?: Expected;
};

/** A module of recipes/ and what it runs in. */
export type PythonProgram = {
  /** "recipes.transformers.generate" */
  readonly module: string;
  /** As `exp setup` takes it: "torchtune". */
  readonly environment: string;
  /** Only a step that fetches may reach the network. */
  readonly network?: boolean;
  /** Names of environment variables that hold secrets which this step needs. */
  readonly secrets?: readonly string[];
};

/** Every effect that a step may have goes through these. */
export type StepContext = {
  /** Staging folder: a declared output is written here, under its own name. */
  readonly output: string;
  /** Kept until the step has succeeded: what a resume needs. */
  readonly work: string;
  /** Whether the draft reads an upstream file, or has a source, by that name. */
  hasInput(name: string): boolean;
  hasSource(name: string): boolean;
  /** Path of an upstream file named in `reads`. */
  input(name: string): string;
  /** Path of a source: its snapshot where it is small. */
  source(name: string): string;
  localPath(name: string): string;
  /** How to work, as the draft has it. */
  hint(name: string): Json | undefined;
  /** A secret from this process's environment, by the variable's name. It may go to the server that it is for, and no further. */
  secret(name: string): string | undefined;
  /** Runs a module of recipes/ from its snapshot, with the step's parameters, reads, sources and places. */
  python(program: PythonProgram): Promise<void>;
  progress(progress: Progress): void;
  /** Kept in the step's record beside its key: device, batch size that was used, peak memory. */
  evidence(values: Readonly<Record<string, Json>>): void;
  /** Gives timers, locks and signals their turn in the midst of long counting; throws once the run is to stop. */
  pause(): Promise<void>;
  /** Cores granted to this step. */
  readonly cores: number;
  readonly signal: AbortSignal;
};

/** One kind of step. Method syntax lets StepKind<P> join StepKind[] without `any`. */
export type StepKind<P extends Json = Json> = {
  readonly name: string;
  /** Raise it when run() changes what it writes. */
  readonly version: number;
  /** False when the step acts on the world or depends on the machine. */
  readonly cached: boolean;
  /** What is stored; nothing else is. A name that ends in "/" is a folder. */
  outputs(params: P): readonly string[];
  run(params: P, context: StepContext): Promise<void>;
  /** Whether the step ends before its work does: its work folder is kept for a step that goes on from there. Default: it does not. */
  pauses?(params: P): boolean;
  /** Whether what a stored output stands for is still there (weights outside the store). Default: it is. */
  holds?(draft: Draft<P>, dir: string): boolean;
};
