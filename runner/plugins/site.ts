import type { Device, Precision } from "./backends/device.ts";
import type { CoreSpeed, Measurement } from "./measurement.ts";
import type { ModelConfig, Shape } from "./model-shape.ts";

/** The facts about this machine and project that drafts depend on. Reading them uses no network. */
export type Site = {
  /** Version of exp. It is part of the keys of TypeScript steps, so that another version runs them again. */
  readonly version: string;
  /** Files that a module of recipes/ imports: logical name -> path. */
  recipe(module: string): Readonly<Record<string, string>>;
  /** Path of the lock file that an environment is built from on this machine. */
  lock(environment: string): string;
  /** Whether an environment is set up on this machine and does not contain a Python package. */
  lacksPackage(environment: string, name: string): boolean;
  /** The folder of a base model, whether or not its files are there. */
  model(base: string, revision: string | undefined): ModelPlace;
  /** The number format that `precision: auto` and `16bit` select on each device. */
  readonly precision: Readonly<Record<Device, Precision>>;
  /** Replaces absolute paths in the project by relative ones, so that stored values name no machine. */
  portable<T>(value: T): T;
  /** Shape of a base model; undefined if its config is neither built in nor on this machine. */
  shape(base: string, revision: string | undefined): Shape | undefined;
  /** config.json of a base model, or the part of it that is built in; undefined if neither is on this machine. */
  config(base: string, revision: string | undefined): ModelConfig | undefined;
  /** Whether a folder contains every file of a model. */
  isHere(dir: string): boolean;
  /** The hub and the cache of the Hugging Face libraries. Offline: HF_HUB_OFFLINE forbids requests. */
  readonly hub: { readonly url: string; readonly cache: string; readonly isOffline: boolean };
  /** Estimated number of rows of a data file and mean characters of a row; undefined if it would have to read the whole file. */
  rows(file: string): { readonly count: number; readonly characters: number } | undefined;
  /** Number of characters of a prompt template, and whether it lists the labels. */
  template(file: string): { readonly characters: number; readonly listsLabels: boolean };
  /** Bytes of the smallest GPU, if the driver reports it. */
  readonly gpuMemory: number | undefined;
  /** Compute capability of the weakest GPU. */
  readonly capability: string | undefined;
  /** Whether preflight checks tokens only, because nothing runs on this machine. */
  readonly tokensOnly: boolean;
  /** Whether the run ends with the upload that the experiment declares, so that preflight checks it. */
  readonly uploads: boolean;
  /** Whether the steps run on other machines; undefined if the experiment decides. */
  readonly elsewhere?: boolean;
  readonly cores: number;
  readonly gpus: number;
  /** Name of the processor. */
  readonly processor: string;
  /** Name of the first GPU. */
  readonly gpuName: string | undefined;
  /** Times of steps that ended on this machine, oldest first. */
  measurements(): readonly Measurement[];
  /** Speed of a core of this machine; undefined if it was not measured. */
  speed(): CoreSpeed | undefined;
};

/** The folder of a base model. `files` are the files whose content identifies a local model: logical name -> path. */
export type ModelPlace = {
  readonly origin: "bundled" | "hub" | "local";
  readonly dir: string;
  readonly files: Readonly<Record<string, string>>;
};

/** The processor and the number of cores, as measurements name them. */
export function machineName({ processor, cores }: Pick<Site, "processor" | "cores">): string {
  return `${processor}, ${cores} cores`;
}
