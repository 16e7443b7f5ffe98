import { describe, expect, it } from "vitest";
import { proxyOf } from "./proxy.ts";

const of = (url: string, env: Readonly<Record<string, string>>): string | undefined => proxyOf(url, env)?.href;

describe("proxyOf", () => {
  it("goes by the scheme, lower case first, then ALL_PROXY", () => {
    const env = { HTTP_PROXY: "http://upper:1", http_proxy: "lower:2", HTTPS_PROXY: "http://me:pass@tls:3" };
    expect(of("http://hub.test/x", env)).toBe("http://lower:2/");
    expect(of("https://hub.test/x", env)).toBe("http://me:pass@tls:3/");
    expect(of("https://hub.test/x", { HTTP_PROXY: "http://a:1" })).toBeUndefined();
    expect(of("https://hub.test/x", { ALL_PROXY: "http://all:1" })).toBe("http://all:1/");
    expect(of("https://hub.test/x", { https_proxy: "", HTTPS_PROXY: " http://tls:3 " })).toBe("http://tls:3/");
  });

  it.each(["http://[", "http://", "proxy:80:90", "socks5://proxy:1", "socks5h://proxy:1", "ftp://proxy"])(
    "%s is an error that does not show the address, unless the host has no proxy",
    (address) => {
      const env = { HTTPS_PROXY: address, NO_PROXY: "own.test" };
      expect(() => of("https://hub.test/x", env)).toThrow(/^HTTPS_PROXY is no address of an HTTP proxy$/);
      expect(of("https://own.test/x", env)).toBeUndefined();
      expect(of("http://hub.test/x", env)).toBeUndefined();
    },
  );

  const cases: readonly (readonly [url: string, list: string, hasProxy: boolean])[] = [
    ["http://localhost:8000/v1", "", false],
    ["http://127.0.0.1:8000/v1", "", false],
    ["http://[::1]:8000/v1", "", false],
    ["http://localhost.evil.test/", "", true],
    ["https://hub.test/", "*", false],
    ["https://hub.test/", "hub.test", false],
    ["https://files.hub.test/", "other, hub.test", false],
    ["https://files.hub.test/", ".hub.test", false],
    ["https://files.hub.test/", "*.hub.test", false],
    ["https://myhub.test/", "hub.test", true],
    ["https://hub.test/", "HUB.test:443", false],
    ["https://hub.test/", "hub.test:80", true],
    ["http://10.1.2.3/", "10.0.0.0/8", false],
    ["http://11.1.2.3/", "10.0.0.0/8", true],
    ["http://[fd00::1]/", "fd00::/8", false],
    ["http://[fd00::1]/", "fd00::1", false],
    ["https://hub.test/", ",", true],
    ["http://10.1.2.3/", "10.0.0.0/99, 10.0.0.0/x, 10.0.0.0/", true],
    ["http://[fd00::1]/", "fd00::/129, 10.0.0.0/8", true],
    ["https://münchen.test/", "MÜNCHEN.test", false],
    ["https://hub.test./", "hub.test", false],
  ];
  it.each(cases)("%s with NO_PROXY=%s: %s", (url, list, hasProxy) => {
    const env = { HTTP_PROXY: "http://proxy:1", HTTPS_PROXY: "http://proxy:1", NO_PROXY: list };
    expect(of(url, env) !== undefined).toBe(hasProxy);
  });
});
