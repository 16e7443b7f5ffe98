import { join } from "node:path";
import { nearest } from "../../util/suggest.ts";
import { knownParameters, parametersOf } from "../model-size.ts";
import type { CheckContext } from "./context.ts";

/** A base that is there or can be had, at a commit that cannot move, of the size that was written. */
export function checkModel(context: CheckContext): void {
  const { base, revision } = context.experiment.model;
  const bundled = context.bundledModels;
  // A server has the model; here its name is a word in tables.
  if (context.experiment.generate.engine === "openai") return;
  if (base.startsWith("/")) {
    checkFolder(context, base);
    return;
  }
  if (Object.hasOwn(bundled, base)) {
    if (revision !== undefined) ignoredRevision(context, "a bundled model");
    checkSize(context, bundled[base]?.parameters, base);
    return;
  }
  if (!/^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(base)) {
    const help = "write owner/name, ./folder or a bundled name";
    context.error("model.base", "unknown-model", `${base} is neither a hub id nor a bundled model`, help);
    return;
  }
  if (!base.includes("/") && revision === undefined) {
    const best = nearest(base, Object.keys(bundled));
    const help = best
      ? `did you mean "${best}"?`
      : `bundled: ${Object.keys(bundled).join(", ")}; a folder starts with ./`;
    context.error("model.base", "unknown-model", `there is no bundled model "${base}"`, help);
    return;
  }
  checkRevision(context, base, revision);
  checkSize(context, knownParameters(base), base);
}

function checkFolder(context: CheckContext, folder: string): void {
  const { files } = context;
  if (context.experiment.model.revision !== undefined) ignoredRevision(context, "a local folder");
  if (files.kind(folder) !== "folder") {
    context.error(
      "model.base",
      "missing-model",
      `there is no folder ${context.display(folder)}`,
      "write ./ before a folder only",
    );
    return;
  }
  const bytes = files.read(join(folder, "config.json"));
  if (bytes === undefined) {
    const help = "a model's folder holds config.json, the tokenizer and .safetensors files";
    context.error("model.base", "missing-model", `${context.display(folder)} has no config.json`, help);
    return;
  }
  checkSize(context, parametersOf(new TextDecoder().decode(bytes)), "its config.json");
}

function checkRevision(context: CheckContext, base: string, revision: string | undefined): void {
  if (revision === undefined) {
    const help = "run exp pin on this file, or add `revision:` and the 40 hex digits of the commit";
    context.error("model.base", "unpinned-revision", `${base} has no revision, so it can change under you`, help);
    return;
  }
  if (/^[0-9a-f]{40}$/.test(revision)) return;
  const isShort = /^[0-9a-f]{7,39}$/.test(revision);
  const message = isShort
    ? `"${revision}" is only part of a commit`
    : `"${revision}" is not a commit: a branch or tag can move`;
  context.error(
    "model.revision",
    "unpinned-revision",
    message,
    "run exp pin on this file, or write all 40 hex digits of the commit",
  );
}

function ignoredRevision(context: CheckContext, what: string): void {
  const message = `${what} has no revision: its files are told apart by their content`;
  context.warning("model.revision:", "unused-key", message, "leave the key out");
}

/** 8B may be 8.2 billion: the written size is right within an eighth. */
function checkSize(context: CheckContext, parameters: number | undefined, where: string): void {
  const { size } = context.experiment.model;
  if (size === undefined || parameters === undefined) return;
  const written = Number.parseFloat(size) * (size.endsWith("B") ? 1e9 : 1e6);
  if (Math.abs(written - parameters) <= parameters / 8) return;
  const real = parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)}B` : `${Math.round(parameters / 1e6)}M`;
  context.error(
    "model.size",
    "size-mismatch",
    `size says ${size}, ${where} has ${real} parameters`,
    `write size: ${real}`,
  );
}
