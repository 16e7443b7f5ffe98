import { backends } from "../../plugins/backends/registry.ts";
import { defaultEnvironment, environments } from "../../plugins/environments.ts";
import { shellCommand } from "../../util/shell.ts";
import type { RunFacts } from "./study.ts";

type Provenance = Pick<RunFacts["provenance"], "packages">;

/** The packages of one Python environment that reports list. */
type ListedPackages = { readonly environment: string; readonly packages: readonly (readonly [string, string])[] };

/**
 * Names and versions of the listed packages of each environment that a run used. An environment without a registered
 * implementation, such as one of an uninstalled plug-in, lists the packages of all known environments and the package
 * of its name.
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

/** The command that installs the environments of the runs. */
export function setupCommands(
  runs: readonly { readonly provenance: Pick<RunFacts["provenance"], "locks"> }[],
): readonly string[] {
  const environments = usedEnvironments(runs);
  return environments.length === 0 ? [] : [shellCommand("npx", "exp", "setup", ...environments)];
}

/**
 * The environments of the runs, and the default environment, in which preflight checks every run that loads a model.
 * None if no run used Python.
 */
export function usedEnvironments(
  runs: readonly { readonly provenance: Pick<RunFacts["provenance"], "locks"> }[],
): readonly string[] {
  const used = runs.flatMap(({ provenance }) => Object.keys(provenance.locks));
  return used.length === 0 ? [] : [...new Set([defaultEnvironment(), ...used])];
}
