import type { Device, Precision } from "./backends/device.ts";
import type { Shape } from "./model-shape.ts";

/** What drafting needs to know of this machine and project, besides the experiment. Reading it touches no network. */
export type Site = {
  /** exp's own version: in the keys of cheap TypeScript steps, so that better code runs again. */
  readonly version: string;
  /** Files that a module of recipes/ can import, by logical name. */
  recipe(module: string): Readonly<Record<string, string>>;
  /** The lock file that an environment is built from on this machine. */
  lock(environment: string): string;
  /** Whether an environment is set up here and does not have a Python package. */
  lacksPackage(environment: string, name: string): boolean;
  /** Where a base model's files lie or will lie. */
  model(base: string, revision: string | undefined): ModelPlace;
  /** What `precision: auto` and `16bit` mean on each device, by compute capability. */
  readonly precision: Readonly<Record<Device, Precision>>;
  /** Replaces paths below the project root by relative ones, so that what is written down names no machine. */
  portable<T>(value: T): T;
  /** Shape of a base model where its config is known or here. */
  shape(base: string, revision: string | undefined): Shape | undefined;
  /** Whether a folder holds every file of a model. */
  isHere(dir: string): boolean;
  /** About how many rows a data file has and how many characters one; undefined where only reading it would tell. */
  rows(file: string): { readonly count: number; readonly characters: number } | undefined;
  /** Characters of a prompt template, and whether it lists the labels. */
  template(file: string): { readonly characters: number; readonly listsLabels: boolean };
  /** Bytes of the smallest GPU, where the driver tells. */
  readonly gpuMemory: number | undefined;
  /** Compute capability of the weakest GPU. */
  readonly capability: string | undefined;
  /** Preflight looks at tokens alone: nothing will run here. */
  readonly tokensOnly: boolean;
  /** A run that asks for an upload is uploaded, so that preflight looks whether it could be. */
  readonly uploads: boolean;
  /** Whether the steps run on other machines than this one; undefined where the experiment is to say. */
  readonly elsewhere?: boolean;
  readonly cores: number;
  readonly gpus: number;
};

/** A base model's folder; `files` are the contents that identify a local one. */
export type ModelPlace = {
  readonly origin: "bundled" | "hub" | "local";
  readonly dir: string;
  readonly files: Readonly<Record<string, string>>;
};
