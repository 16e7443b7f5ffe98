/**
 * Whether requests to the hub are forbidden: by HF_HUB_OFFLINE, or TRANSFORMERS_OFFLINE if it is not set, with the
 * values that the Hugging Face libraries take as true.
 */
export function isOffline(env: Readonly<Record<string, string | undefined>>): boolean {
  return /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE || "");
}
