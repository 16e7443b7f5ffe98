/** Whether HF_HUB_OFFLINE forbids requests to the hub, by the values that the Hugging Face libraries take as true. */
export function isOffline(env: Readonly<Record<string, string | undefined>>): boolean {
  return /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? "");
}
