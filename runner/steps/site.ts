import type { Device, Precision } from "../backends/device.ts";

/** What drafting needs to know of this machine and project, besides the experiment. Reading it touches no network. */
export type Site = {
  /** exp's own version: in the keys of cheap TypeScript steps, so that better code runs again. */
  readonly version: string;
  /** Files that a module of recipes/ can import, by logical name. */
  recipe(module: string): Readonly<Record<string, string>>;
  /** The lock file that an environment is built from on this machine. */
  lock(environment: string): string;
  /** Where a base model's files lie or will lie. */
  model(base: string, revision: string | undefined): ModelPlace;
  /** What `precision: auto` and `16bit` mean on each device, by compute capability. */
  readonly precision: Readonly<Record<Device, Precision>>;
  /** Replaces paths below the project root by relative ones, so that what is written down names no machine. */
  portable<T>(value: T): T;
  readonly cores: number;
  readonly gpus: number;
};

/** A base model's folder; `files` are the contents that identify a local one. */
export type ModelPlace = {
  readonly origin: "bundled" | "hub" | "local";
  readonly dir: string;
  readonly files: Readonly<Record<string, string>>;
};
