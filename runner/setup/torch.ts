import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Where } from "./probe.ts";

/** The build of torch in an environment: for NVIDIA GPUs (several GB), or for the CPU only. */
export type TorchVariant = "cpu" | "cuda";

/** The build of torch for this machine, and the reason: the requested one, else the one for its GPUs. */
export function chooseTorch(
  requested: TorchVariant | undefined,
  gpus: readonly { readonly name: string }[],
): { readonly torch: TorchVariant; readonly why: string } {
  if (requested !== undefined) return { torch: requested, why: "requested" };
  if (gpus[0] !== undefined) return { torch: "cuda", why: `this machine has ${gpus[0].name}` };
  return { torch: "cpu", why: "no NVIDIA GPU found; --torch cuda installs the GPU build" };
}

/** Sources of wheels in addition to PyPI, from the variables of pip and uv. */
export type WheelSources = {
  /** Folders and web pages that list wheels. */
  readonly links: readonly string[];
  /** "cp311": tags of the CPU wheels of the locked torch in the folders among the links. */
  readonly tags: readonly string[];
  /** Whether another index or a page of links is configured, which may have CPU wheels. */
  readonly hasIndex: boolean;
};

/** Finds CPU wheels of torch in the folders of PIP_FIND_LINKS and UV_FIND_LINKS. */
export function wheelSources(where: Where, machine = cpuTag()): WheelSources {
  const { env } = where;
  const links = [env.PIP_FIND_LINKS, env.UV_FIND_LINKS].flatMap((list) => (list ?? "").split(/[\s,]+/)).filter(Boolean);
  const locked = readFileSync(join(where.packageRoot, "recipes/locks/torch-cpu-wheels.txt"), "utf8");
  const tags = links.flatMap(listFolder).flatMap((name) => {
    const [, tag] = /-(cp\d+)-cp\d+-/.exec(name) ?? [];
    return tag && name.includes(machine) && locked.includes(name) ? [tag] : [];
  });
  const indexes = [
    env.PIP_INDEX_URL,
    env.PIP_EXTRA_INDEX_URL,
    env.UV_INDEX,
    env.UV_DEFAULT_INDEX,
    env.UV_TORCH_BACKEND,
  ];
  const hasIndex = indexes.some(Boolean) || links.some((link) => /^https?:/.test(link));
  return { links: [...new Set(links)], tags: [...new Set(tags)], hasIndex };
}

/** End of the file names of wheels for this processor and system. */
function cpuTag(): string {
  const arch = { x64: "x86_64", arm64: process.platform === "darwin" ? "arm64" : "aarch64" }[process.arch as string];
  return `${arch ?? process.arch}.whl`;
}

function listFolder(link: string): string[] {
  try {
    return readdirSync(link.replace(/^file:\/\//, ""));
  } catch {
    return [];
  }
}
