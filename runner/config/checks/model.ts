import { join } from "node:path";
import { isRepositoryOrName } from "../../hub/names.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { engines } from "../../plugins/engines/registry.ts";
import { formats, readDeclaredFormat } from "../../plugins/formats/registry.ts";
import { modelUse, unsupportedUses } from "../../plugins/model-support.ts";
import { nearest } from "../../util/suggest.ts";
import { knownParameters, parametersOf } from "../model-size.ts";
import type { CheckContext } from "./context.ts";

/** Checks that the base model exists or can be downloaded, that its commit is fixed, and that `model.size` is right. */
export function checkModel(context: CheckContext): void {
  const { model, generate } = context.experiment;
  // With an engine that does not load the model, its base is only a name. A file of answers still names a real model.
  const engine = engines.find(generate.engine);
  if (engine !== undefined && !engine.runsModel && engine.recorded === undefined) return;
  const size = checkBase(context, "model", model);
  if (size !== undefined) checkSize(context, size.parameters, size.where);
}

/** Number of parameters of a model, and where it is from. */
type KnownSize = { readonly parameters: number | undefined; readonly where: string };

/**
 * Checks that a model exists or can be downloaded at a fixed commit. `key` is the key of the section with `base` and
 * `revision`. Returns its size, if the model is acceptable.
 */
export function checkBase(
  context: CheckContext,
  key: string,
  { base, revision }: { readonly base: string; readonly revision?: string },
): KnownSize | undefined {
  const bundled = context.bundledModels;
  const unknown = (message: string, help: string): undefined => {
    context.error(`${key}.base`, "unknown-model", message, help);
  };
  if (base.startsWith("/")) return checkFolder(context, key, { folder: base, revision });
  if (Object.hasOwn(bundled, base)) {
    if (revision !== undefined) ignoredRevision(context, key, "a bundled model");
    return { parameters: bundled[base]?.parameters, where: base };
  }
  if (!isRepositoryOrName(base)) {
    const help = "write owner/name, ./folder or a bundled name";
    return unknown(`${key}.base is neither a hub id nor a bundled model: ${base}`, help);
  }
  if (!base.includes("/") && revision === undefined) {
    const best = nearest(base, Object.keys(bundled));
    const help = best
      ? `did you mean "${best}"?`
      : `bundled: ${Object.keys(bundled).join(", ")}; a folder starts with ./`;
    return unknown(`no bundled model is called "${base}"`, help);
  }
  checkRevision(context, key, { base, revision });
  return { parameters: knownParameters(base), where: base };
}

/** Checks that the backend and the engine support the base model, if its config.json is on this machine. */
export function checkModelUse(context: CheckContext): void {
  const { model, train, generate } = context.experiment;
  const engine = engines.find(generate.engine);
  if (engine?.runsModel !== true || (train !== undefined && backends.find(train.backend) === undefined)) return;
  const config = context.modelConfig?.(model.base, model.revision);
  if (config === undefined) return;
  for (const { code, key, message, help } of unsupportedUses(modelUse(train, generate), config)) {
    context.error(key !== undefined && context.wrote(key) ? key : "model.base", code, message, help);
  }
}

function checkFolder(
  context: CheckContext,
  key: string,
  { folder, revision }: { readonly folder: string; readonly revision: string | undefined },
): KnownSize | undefined {
  const { files } = context;
  const missing = (message: string, help: string): undefined => {
    context.error(`${key}.base`, "missing-model", message, help);
  };
  if (revision !== undefined) ignoredRevision(context, key, "a local folder");
  if (files.kind(folder) !== "folder") {
    const help = "correct the path, or remove the ./ before a hub id";
    return missing(`${key}.base: no folder ${context.display(folder)}`, help);
  }
  const bytes = files.read(join(folder, "config.json"));
  if (bytes === undefined) {
    const help = "a model folder contains config.json, the tokenizer and .safetensors files";
    return missing(`${context.display(folder)} has no config.json`, help);
  }
  return { parameters: parametersOf(new TextDecoder().decode(bytes)), where: "its config.json" };
}

function checkRevision(
  context: CheckContext,
  key: string,
  { base, revision }: { readonly base: string; readonly revision: string | undefined },
): void {
  if (revision === undefined) {
    const help = "run exp pin on this file, or add `revision:` and the 40 hex digits of the commit";
    const message = `${key}.revision is missing, so the files of ${base} may change`;
    context.error(`${key}.base`, "unpinned-revision", message, help);
    return;
  }
  if (/^[0-9a-f]{40}$/.test(revision)) return;
  const isShort = /^[0-9a-f]{7,39}$/.test(revision);
  const message = isShort
    ? `${key}.revision is only part of a commit: "${revision}"`
    : `${key}.revision is not a commit: the branch or tag "${revision}" can move`;
  const help = "run exp pin on this file, or write all 40 hex digits of the commit";
  context.error(`${key}.revision`, "unpinned-revision", message, help);
}

function ignoredRevision(context: CheckContext, key: string, what: string): void {
  const message = `${key}.revision has no effect for ${what}, which is identified by the content of its files`;
  context.warning(`${key}.revision:`, "unused-key", message, "remove it");
}

/** The declared size may differ from the real one by an eighth: 8B may be 8.2 billion parameters. */
function checkSize(context: CheckContext, parameters: number | undefined, where: string): void {
  const { size } = context.experiment.model;
  if (size === undefined || parameters === undefined) return;
  const written = Number.parseFloat(size) * (size.endsWith("B") ? 1e9 : 1e6);
  if (Math.abs(written - parameters) <= parameters / 8) return;
  const real =
    parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)}B` : `${Number((parameters / 1e6).toPrecision(3))}M`;
  context.error(
    "model.size",
    "size-mismatch",
    `model.size is ${size}, but ${where} has ${real} parameters`,
    `write size: ${real}`,
  );
}

/** Checks that each format of an upload holds the base model, if its config.json is on this machine. */
export function checkUploadFormats(context: CheckContext): void {
  const { model, upload, data, train, generate } = context.experiment;
  const wanted = upload?.formats ?? [];
  if (wanted.length === 0) return;
  const engine = engines.find(generate.engine);
  // An upload without a trained model has its own warning.
  if (train === undefined || engine === undefined || engine.recorded !== undefined) return;
  if (!engine.runsModel) {
    const message = "upload.formats has no effect: a server has the model, and not this machine";
    context.warning("upload.formats", "unused-key", message, "remove it, or use an engine that runs the model");
    return;
  }
  const config = context.modelConfig?.(model.base, model.revision);
  for (const [at, text] of wanted.entries()) {
    const format = formats.get(readDeclaredFormat(text).format);
    const what = config && format.supports(config);
    if (what === undefined) continue;
    const help = `it exports models of the types ${format.modelTypes.join(", ")}`;
    context.error(`upload.formats.${at}`, "export-unsupported", `${format.name} cannot export ${what}`, help);
  }
  const types = wanted.map((text) => JSON.stringify(readDeclaredFormat(text)));
  const twice = types.findIndex((one, at) => types.indexOf(one) < at);
  if (twice !== -1) {
    const message = `upload.formats names ${wanted[types.indexOf(types[twice] as string)]} twice: ${wanted[twice]}`;
    context.error(`upload.formats.${twice}`, "duplicate-format", message, "remove one");
  }
  if (data.validation === undefined) {
    const message = "the models of upload.formats are not scored: the study has no validation rows";
    context.warning("upload.formats", "not-scored", message, "add data.validation, such as {fraction: 0.1}");
  }
}
