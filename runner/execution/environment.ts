import { delimiter, dirname, resolve } from "node:path";
import { expandedPath, hubUrlOf } from "../hub/places.ts";
import { executors } from "../plugins/executors/registry.ts";
import { isOffline } from "../util/offline.ts";
import { proxyOf } from "../util/proxy.ts";

const allowed = [
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TMPDIR|TZ|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|XDG_CACHE_HOME)$/,
  /^(HF_HOME|HF_ENDPOINT|HF_HUB_CACHE|HUGGINGFACE_HUB_CACHE|HF_XET_.*|EXP_CACHE)$/,
  /^(CUDA_|NVIDIA_|NCCL_|GLOO_|FI_|UCX_|PYTORCH_)/,
  /^(SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/,
];
/** Names of credentials that the patterns of a launcher or driver would include, such as NVIDIA_API_KEY. */
const credential = /JWT|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|(^|_)(KEY|AUTH|COOKIE)(_|$)|APIKEY/i;
/** A proxy's address may contain a password, so only steps that use the network receive it. */
const networkOnly = /^(https?|all|no|ftp)_proxy$/i;

/** What a Python step needs of its environment variables. */
export type EnvironmentRequest = {
  /** Interpreter. Its folder comes first in PATH. */
  readonly python: string;
  readonly cores: number;
  /** Whether the step downloads or calls a server. Otherwise the Hugging Face libraries run offline. */
  readonly network?: boolean;
  /** Names of the secrets that the step receives: "HF_TOKEN". */
  readonly secrets?: readonly string[];
  /** More variables, which override the others: CUDA_VISIBLE_DEVICES of the granted GPUs. */
  readonly variables?: Readonly<Record<string, string>>;
};

/**
 * The environment variables of a Python step: an allow-list from this process, and settings for reproducible and quiet
 * runs. Throws UserError `bad-proxy` for a step that uses the network.
 */
export function childEnvironment(env: NodeJS.ProcessEnv, request: EnvironmentRequest): Record<string, string> {
  const secrets = request.secrets ?? [];
  if (request.network === true) proxyOf(hubUrlOf(env), env);
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const isListed =
      allowed.some((pattern) => pattern.test(name)) ||
      [...executors].some(({ variables }) => variables?.test(name) === true);
    const keep =
      (isListed && !credential.test(name)) ||
      secrets.includes(name) ||
      (request.network === true && networkOnly.test(name));
    // The Hugging Face libraries take an empty variable for a folder or address of this name, exp for an absent one.
    if (keep && value !== undefined && !(value === "" && name.startsWith("HF_")))
      kept[name] = absolute(name, value, env);
  }
  const bin = dirname(request.python);
  return {
    ...kept,
    PATH: kept.PATH === undefined ? bin : bin + delimiter + kept.PATH,
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    PYTHONHASHSEED: "0",
    PYTHONNOUSERSITE: "1",
    PYTHONUTF8: "1",
    OMP_NUM_THREADS: String(request.cores),
    MKL_NUM_THREADS: String(request.cores),
    // Threads that wait by spinning take cores from working ones if other steps run. Spinning for microseconds is worth
    // it: small models train a fifth faster on two idle cores, and no slower on busy ones.
    OMP_WAIT_POLICY: "PASSIVE",
    GOMP_SPINCOUNT: "10000",
    TOKENIZERS_PARALLELISM: "false",
    DO_NOT_TRACK: "1",
    HF_HUB_DISABLE_TELEMETRY: "1",
    WANDB_MODE: "disabled",
    // Its files would have the remote of the git repository, the user, and paths of this machine.
    WANDB_DISABLE_GIT: "true",
    WANDB_DISABLE_CODE: "true",
    WANDB_X_DISABLE_META: "true",
    WANDB_X_DISABLE_MACHINE_INFO: "true",
    ...(request.network === true ? withoutProxyOnThisMachine(env) : {}),
    ...(request.network === true && !isOffline(env) ? {} : { HF_HUB_OFFLINE: "1" }),
    ...(secrets.includes("HF_TOKEN") && !env.HF_TOKEN && env.HUGGING_FACE_HUB_TOKEN
      ? { HF_TOKEN: env.HUGGING_FACE_HUB_TOKEN }
      : {}),
    // Without this the hub's library reads the token file.
    ...(secrets.includes("HF_TOKEN")
      ? !env.HF_TOKEN_PATH
        ? {}
        : { HF_TOKEN_PATH: expandedPath(env.HF_TOKEN_PATH, env) }
      : { HF_TOKEN_PATH: "/dev/null", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }),
    ...request.variables,
  };
}

/** The value of a variable. A path is absolute, because the step has a working folder and variables of its own. */
function absolute(name: string, value: string, env: NodeJS.ProcessEnv): string {
  if (/^(HF_HOME|HF_HUB_CACHE|HUGGINGFACE_HUB_CACHE)$/.test(name)) return expandedPath(value, env);
  return value !== "" && /^(SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|EXP_CACHE)$/.test(name)
    ? resolve(value)
    : value;
}

/** NO_PROXY with this machine, as in `proxyOf`. */
function withoutProxyOnThisMachine(env: NodeJS.ProcessEnv): Record<string, string> {
  if (!Object.entries(env).some(([name, value]) => /_proxy$/i.test(name) && value)) return {};
  const list = [env.no_proxy || env.NO_PROXY, "localhost", "127.0.0.1", "::1"].filter(Boolean).join(",");
  return { no_proxy: list, NO_PROXY: list };
}
