import { backends } from "../../plugins/backends/registry.ts";
import { defaultEnvironment, environments } from "../../plugins/environments.ts";
import type { RunFacts } from "./study.ts";

type Provenance = Pick<RunFacts["provenance"], "packages">;

/** The packages of one environment whose versions reports list. */
type ListedPackages = { readonly environment: string; readonly packages: readonly (readonly [string, string])[] };

/**
 * The listed packages of each environment that a run used: name and version. An environment that no registered implementation
 * brings, such as one of a plug-in that is not installed, lists the packages that the others list, and the one of its own name.
 */
export function listedPackages({ packages }: Provenance): readonly ListedPackages[] {
  const known = environments();
  const all = new Set(known.flatMap((environment) => environment.packages));
  return Object.entries(packages).flatMap(([environment, versions]) => {
    const own = known.find(({ name }) => name === environment)?.packages ?? [...all, environment];
    const listed = Object.entries(versions).filter(([name]) => own.includes(name));
    return listed.length === 0 ? [] : [{ environment, packages: listed }];
  });
}

/** A backend with the version of the package of its name: "NAME 0.6.1"; only its name if the run records no version. */
export function trainerText(backend: string, { packages }: Provenance): string {
  const environment = backends.find(backend)?.environment?.name ?? backend;
  return [backend, packages[environment]?.[backend]].filter((part) => part !== undefined).join(" ");
}

/** The command that installs every environment that the runs used. */
export function setupCommand(runs: readonly { readonly provenance: Pick<RunFacts["provenance"], "locks"> }[]): string {
  return `npx exp setup ${usedEnvironments(runs).join(" ")}`;
}

/** The environments that the runs used, and the default one, in which every run that loads a model is checked. */
export function usedEnvironments(
  runs: readonly { readonly provenance: Pick<RunFacts["provenance"], "locks"> }[],
): readonly string[] {
  return [...new Set([defaultEnvironment(), ...runs.flatMap(({ provenance }) => Object.keys(provenance.locks))])];
}
