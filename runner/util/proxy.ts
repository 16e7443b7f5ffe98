import { BlockList, isIP } from "node:net";
import { domainToASCII } from "node:url";
import { UserError } from "./user-error.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Whether a URL is that of a server on this machine. */
export function isLoopback(url: string | URL): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/**
 * The proxy of a URL, by the variables that curl and Python read: HTTP_PROXY or HTTPS_PROXY by the scheme, then
 * ALL_PROXY; NO_PROXY lists exceptions. A name in lower case comes first. A server on this machine has no proxy: a key
 * may go to it without permission. Throws UserError `bad-proxy` for an address that is none of an HTTP proxy: without
 * it, the request would leave the network that the user has chosen, or fail in Python alone.
 */
export function proxyOf(url: string | URL, env: Env): URL | undefined {
  const { protocol, hostname, port } = new URL(url);
  const scheme = protocol.slice(0, -1);
  const names = [`${scheme}_proxy`, "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  const variable = names.find((name) => env[name]);
  const list = env.no_proxy || env.NO_PROXY || "";
  if (variable === undefined || isLoopback(url) || isException(hostname, port || { http: "80" }[scheme] || "443", list))
    return undefined;
  const address = (env[variable] as string).trim();
  const proxy = address.includes("://") ? address : `http://${address}`;
  if (URL.canParse(proxy) && /^https?:\/\//i.test(proxy)) return new URL(proxy);
  // The address may contain a password.
  const message = `${variable} is no address of an HTTP proxy`;
  throw new UserError("bad-proxy", message, { help: "write http://HOST:PORT, or unset it", status: "invalid" });
}

/**
 * Whether NO_PROXY lists a host: as `*`, by its name or that of a domain above it, by its address or a network, with or
 * without a port.
 */
function isException(hostname: string, port: string, list: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  return list.split(/[,\s]+/).some((entry) => {
    const [, name = "", only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(entry) ? `[${entry}]` : entry.toLowerCase()) ?? [];
    if (name === "" || (only !== undefined && only !== port)) return false;
    const [network = "", bits] = name.split("/");
    if (bits !== undefined) return isIP(host) !== 0 && isIP(host) === isIP(network) && isInside(host, network, bits);
    const domain = name.replace(/^\*?\.?/, "");
    return name === "*" || [domain, domainToASCII(domain)].some((one) => host === one || host.endsWith(`.${one}`));
  });
}

/** Whether an address is in a network of the same family. `bits` is text of the user. */
function isInside(host: string, network: string, bits: string): boolean {
  const [family, most] = isIP(network) === 6 ? (["ipv6", 128] as const) : (["ipv4", 32] as const);
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return false;
  const block = new BlockList();
  block.addSubnet(network, Number(bits), family);
  return block.check(host, family);
}

/** `fetch` through the proxy that the environment variables name. A failed connection names the proxy, without its password. */
export const proxiedFetch: typeof fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : input;
  const proxy = proxyOf(url, process.env);
  if (proxy === undefined) return fetch(input, init);
  const { fetch: send, ProxyAgent } = await import("undici");
  const dispatcher = new ProxyAgent({ uri: proxy.href, proxyTunnel: false });
  try {
    // Node.js has an older copy of this library, whose types differ in small ways.
    return (await send(input as string, { ...init, dispatcher } as Parameters<typeof send>[1])) as unknown as Response;
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof Error)) throw error;
    const { code = cause.message } = cause as { readonly code?: string };
    throw new TypeError("fetch failed", { cause: new Error(`${code} by the proxy ${proxy.host}`, { cause }) });
  }
};
