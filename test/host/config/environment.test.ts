import { describe, expect, it } from "vitest";
import type { Config } from "../../../host/config/config.ts";
import { type LoadOptions, loadConfig } from "../../../host/config/load.ts";
import { settings } from "../../../host/config/settings.ts";
import { inFolder } from "./config-file.ts";

const FILE = "dns: { timeout: 3s, servers: [192.0.2.1] }\nlog: { level: warn }\nlisten: [{ http: '127.0.0.1:1' }]\n";

function load(options: Partial<LoadOptions>): Config {
  return inFolder({ "config.yaml": FILE }, (path) =>
    loadConfig({ file: path("config.yaml"), env: {}, isRoot: true, ...options }),
  );
}

describe("an environment variable", () => {
  it.each<[string, string, (config: Config) => unknown, unknown]>([
    ["MTA_STS_LOG_LEVEL", "debug", (config) => config.log.level, "debug"],
    ["MTA_STS_LOG_FORMAT", "pretty", (config) => config.log.format, "pretty"],
    ["MTA_STS_STORE_TYPE", "memory", (config) => config.store.type, "memory"],
    ["MTA_STS_STORE_PATH", "/x/true", (config) => config.store.path, "/x/true"],
    ["MTA_STS_DNS_TIMEOUT", "5s", (config) => config.dns.timeout, 5_000],
    ["MTA_STS_DNS_SERVERS", "127.0.0.1:53, ::1", (config) => config.dns.servers, ["127.0.0.1:53", "::1"]],
    ["MTA_STS_DNS_TRUST_AD", "192.0.2.1, ::1", (config) => config.dns.trustAd, ["192.0.2.1", "::1"]],
    ["MTA_STS_DANE_MODE", "off", (config) => config.dane.mode, "off"],
    ["MTA_STS_DANE_BOGUS_NAMES", "a.example,b.example", (config) => config.dane.bogusNames, ["a.example", "b.example"]],
    ["MTA_STS_HTTPS_TIMEOUT", "30s", (config) => config.https.timeout, 30_000],
    ["MTA_STS_HTTPS_ALLOW_PRIVATE_ADDRESSES", "true", (config) => config.https.allowPrivateAddresses, true],
    [
      "MTA_STS_POLICY_LENIENCY",
      "blank-lines,outer-blanks",
      (config) => config.policy.leniency,
      ["blank-lines", "outer-blanks"],
    ],
    ["MTA_STS_POLICY_ON_DISCOVERY_FAILURE", "deliver", (config) => config.policy.onDiscoveryFailure, "deliver"],
    [
      "MTA_STS_LISTEN",
      "postfix=[::1]:2,control=unix:/c",
      (config) => config.listen.map(({ kind }) => kind),
      ["postfix", "control"],
    ],
  ])("%s=%s wins over the file", (variable, text, read, value) => {
    expect(read(load({ env: { [variable]: text } }))).toEqual(value);
  });

  it("exists for every setting under a name that follows from the key", () => {
    expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length);
    for (const { name, variable } of settings)
      expect(variable).toBe(`MTA_STS_${name.toUpperCase().replaceAll(".", "_").replaceAll("-", "_")}`);
  });

  it("leaves the other keys of its section to the file", () => {
    expect(load({ env: { MTA_STS_DNS_TIMEOUT: "5s" } }).dns.servers).toEqual(["192.0.2.1"]);
  });

  it("counts as not set when it is empty", () => {
    expect(load({ env: { MTA_STS_LOG_LEVEL: "", MTA_STS_CONFIG: "" } }).log.level).toBe("warn");
  });

  it("names the file when no option does", () => {
    inFolder({ "other.yaml": "log: { level: error }" }, (path) => {
      const config = loadConfig({ env: { MTA_STS_CONFIG: path("other.yaml") }, isRoot: true });
      expect([config.file, config.log.level]).toEqual([path("other.yaml"), "error"]);
    });
  });

  it("is left alone when it is none of ours, such as those of a Kubernetes service named mta-sts", () => {
    const env = {
      MTA_STS_SERVICE_HOST: "10.0.0.1",
      MTA_STS_SERVICE_PORT: "8461",
      MTA_STS_SERVICE_PORT_HTTP: "8462",
      MTA_STS_PORT: "tcp://10.0.0.1:8461",
      MTA_STS_PORT_8461_TCP_ADDR: "10.0.0.1",
      PATH: "/bin",
    };
    expect({ ...load({ env }), file: null }).toEqual({ ...load({}), file: null });
  });

  it.each([
    ["MTA_STS_LOG_LEVL", "debug", 'MTA_STS_LOG_LEVL: unknown variable, did you mean "MTA_STS_LOG_LEVEL"?'],
    ["MTA_STS_LGO_LEVEL", "debug", 'MTA_STS_LGO_LEVEL: unknown variable, did you mean "MTA_STS_LOG_LEVEL"?'],
    [
      "MTA_STS_STORE_URL_AND_MORE",
      "x",
      "MTA_STS_STORE_URL_AND_MORE: unknown variable; docs/configuration.md lists all",
    ],
    ["MTA_STS_DNS", "x", "MTA_STS_DNS: unknown variable"],
    ["MTA_STS_LOG_LEVEL", "loud", 'MTA_STS_LOG_LEVEL: log.level: expected debug, info, warn or error, found "loud"'],
    [
      "MTA_STS_DNS_TIMEOUT",
      "5",
      'MTA_STS_DNS_TIMEOUT: dns.timeout: expected a duration from 100ms to 30s, such as 2s, found "5"; for seconds write "5s"',
    ],
    ["MTA_STS_DNS_SERVERS", "127.0.0.1,,x", "MTA_STS_DNS_SERVERS: dns.servers[2]: expected an IP address"],
    [
      "MTA_STS_HTTPS_ALLOW_PRIVATE_ADDRESSES",
      "1",
      'MTA_STS_HTTPS_ALLOW_PRIVATE_ADDRESSES: https.allow-private-addresses: expected true or false, found "1"',
    ],
    ["MTA_STS_STORE_TYPE", "redis", 'MTA_STS_STORE_TYPE: store.type: "redis" is not available in this version'],
    ["MTA_STS_LISTEN", "127.0.0.1:8461", "MTA_STS_LISTEN: expected kind=address"],
    ["MTA_STS_LISTEN", "exm=unix:/x", 'MTA_STS_LISTEN: unknown key "exm", did you mean "exim"?'],
    ["MTA_STS_LISTEN", "control=127.0.0.1:1", "MTA_STS_LISTEN: listen[0].control: expected a unix socket"],
  ])("%s=%s stops the start", (variable, text, expected) => {
    expect(() => load({ env: { [variable]: text } })).toThrow(expected);
  });

  it("is reported beside what is wrong in the file", () => {
    inFolder({ "config.yaml": "dsn: {}\n" }, (path) => {
      const options = { file: path("config.yaml"), env: { MTA_STS_LOG_LEVEL: "x" }, isRoot: true };
      expect(() => loadConfig(options)).toThrow(
        /config\.yaml:1:1: unknown key "dsn", did you mean "dns"\?\nMTA_STS_LOG_LEVEL: log\.level: expected /,
      );
    });
  });
});
