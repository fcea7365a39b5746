import { symlinkSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import type { Config } from "../../../host/config/config.ts";
import { type LoadOptions, loadConfig } from "../../../host/config/load.ts";
import { ConfigError } from "../../../host/config/problem.ts";
import { isAbsent, reasonOf } from "../../../host/config/unreadable.ts";
import { inFolder } from "./config-file.ts";

type Given = Partial<LoadOptions> & { readonly files?: Readonly<Record<string, string | Uint8Array>> };

/** The configuration that comes of one file, with no other source unless given. */
function load(yaml: string | Uint8Array, given: Given = {}): Config {
  return inFolder({ "config.yaml": yaml, ...given.files }, (path) =>
    loadConfig({ file: path("config.yaml"), env: {}, isRoot: true, ...given }),
  );
}

/** The lines of the ConfigError that comes of one file, its folder left out. */
function errorLines(yaml: string | Uint8Array, given: Given = {}): string[] {
  return inFolder({ "config.yaml": yaml, ...given.files }, (path) =>
    errorOf({ file: path("config.yaml"), env: {}, isRoot: true, ...given }).map((line) =>
      line.replaceAll(`${path("")}/`, ""),
    ),
  );
}

function errorOf(options: LoadOptions): string[] {
  try {
    loadConfig(options);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split("\n");
  }
  throw new Error("the configuration was accepted");
}

describe("without a file", () => {
  const bare = (isRoot: boolean) =>
    inFolder({}, (path) => loadConfig({ defaultFile: path("none.yaml"), env: {}, isRoot }));

  it("has the documented defaults for root", () => {
    expect(bare(true)).toEqual({
      file: null,
      listen: [
        { kind: "postfix", address: { transport: "tcp", host: "127.0.0.1", port: 8461 }, deadline: 20_000 },
        {
          kind: "control",
          address: { transport: "unix", path: "/run/mta-sts/control.sock", mode: 0o600, group: null },
        },
        { kind: "http", address: { transport: "tcp", host: "127.0.0.1", port: 8462 } },
      ],
      dns: { servers: null, timeout: 2_000 },
      https: { ca: null, timeout: 60_000, allowPrivateAddresses: false },
      store: { type: "sqlite", path: "/var/lib/mta-sts/policies.db" },
      policy: { leniency: [], onDiscoveryFailure: "defer-briefly" },
      log: { level: "info", format: "auto" },
    });
  });

  it("keeps store and control socket below the working directory for anyone else", () => {
    const config = bare(false);
    expect(config.store.path).toBe("./.mta-sts/policies.db");
    expect(config.listen[1]?.address).toMatchObject({ path: "./.mta-sts/control.sock", mode: 0o600 });
  });

  it("is frozen through and through", () => {
    const config = bare(true);
    const isFrozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
    expect(isFrozen(config)).toBe(true);
  });
});

describe("a file", () => {
  it("sets every key", () => {
    const config = load(`
listen:
  - postfix: { path: unix:/var/spool/postfix/mta-sts/postfix.sock, mode: "0666", group: postfix, deadline: 5s }
  - postfix: { address: "[::1]:8461" }
  - exim: { path: /run/e.sock, group: Debian-exim }
  - opensmtpd: 127.0.0.1:8464
  - control: { path: /run/c.sock, mode: "0600" }
  - http: { path: /run/h.sock, mode: "640", group: "33" }
dns: { servers: [192.0.2.1, "[2001:db8::1]:5353"], timeout: 500ms }
https: { timeout: 10m, allow-private-addresses: true }
store: { type: memory, path: ./x.db }
policy: { leniency: [blank-lines, blank-lines, outer-blanks], on-discovery-failure: defer }
log: { level: debug, format: json }
`);
    expect(config.listen).toEqual([
      {
        kind: "postfix",
        address: { transport: "unix", path: "/var/spool/postfix/mta-sts/postfix.sock", mode: 0o666, group: "postfix" },
        deadline: 5_000,
      },
      { kind: "postfix", address: { transport: "tcp", host: "::1", port: 8461 }, deadline: 20_000 },
      {
        kind: "exim",
        address: { transport: "unix", path: "/run/e.sock", mode: 0o660, group: "Debian-exim" },
        deadline: 4_000,
      },
      { kind: "opensmtpd", address: { transport: "tcp", host: "127.0.0.1", port: 8464 }, deadline: 20_000 },
      { kind: "control", address: { transport: "unix", path: "/run/c.sock", mode: 0o600, group: null } },
      { kind: "http", address: { transport: "unix", path: "/run/h.sock", mode: 0o640, group: "33" } },
    ]);
    expect(config.dns).toEqual({ servers: ["192.0.2.1", "[2001:db8::1]:5353"], timeout: 500 });
    expect(config.https).toEqual({ ca: null, timeout: 600_000, allowPrivateAddresses: true });
    expect(config.store).toEqual({ type: "memory", path: "./x.db" });
    expect(config.policy).toEqual({ leniency: ["blank-lines", "outer-blanks"], onDiscoveryFailure: "defer" });
    expect(config.log).toEqual({ level: "debug", format: "json" });
  });

  it.each(["", "\n", "# nothing\n", "---\n", "dns:\nlog:\n", "\ufefflog:\n"])("may say nothing: %j", (yaml) => {
    expect(load(yaml).dns.timeout).toBe(2_000);
  });

  it("lets several listeners ask the system for a port", () => {
    expect(load("listen: [{ postfix: '127.0.0.1:0' }, { http: '127.0.0.1:0' }]").listen).toHaveLength(2);
  });

  it("brings the certificates of https.ca-file", () => {
    const pem = rootCertificates.slice(0, 2).join("\n");
    const ca = inFolder({ "ca.pem": pem, "config.yaml": "" }, (path) =>
      loadConfig({ file: path("config.yaml"), env: { MTA_STS_HTTPS_CA_FILE: path("ca.pem") }, isRoot: true }),
    ).https.ca;
    expect(ca?.pem).toBe(pem);
  });
});

it("a mapping in place of a key is told as an unknown key, without a warning of Node's on stderr", () => {
  const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
  expect(errorLines("log:\n  ? { format: json }\n  : info\n")[0]).toMatch(/unknown key "\{ format: json \}"/);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

describe("an error in a file", () => {
  it.each<[string, string, string]>([
    [
      "a misspelt section",
      "a: 1\n".replace("a: 1", "stor: {}"),
      'config.yaml:1:1: unknown key "stor", did you mean "store"?',
    ],
    [
      "a misspelt key",
      "log:\n  level: info\n\nhttps:\n  ca_file: x\n",
      'config.yaml:5:3: unknown key "ca_file", did you mean "ca-file"?',
    ],
    ["an unknown key", "dns:\n  zzz: 1\n", 'config.yaml:2:3: unknown key "zzz"; the keys here are servers, timeout'],
    ["a key of another section", "level: info\n", 'config.yaml:1:1: unknown key "level"; it belongs under "log"'],
    ["a hostile key", '"a\\nb\\e[31m": 1\n', 'config.yaml:1:1: unknown key "a\\x0ab\\x1b[31m"'],
    [
      "a hostile listener",
      'listen: [{ postfix: "a\\0\\e[31mb:1" }]\n',
      "config.yaml:1:21: listen[0].postfix: a\\x00\\x1b[31mb:1 has neither an IP address nor a host name",
    ],
    [
      "two listeners on one hostile path",
      'listen: [{ postfix: "unix:/a\\e1" }, { postfix: "unix:/a\\e1" }]\n',
      "config.yaml:1:48: listen[1].postfix: unix:/a\\x1b1 is taken by a listener above; expected an address of its own",
    ],
    ["__proto__", "__proto__: { dns: 1 }\n", 'config.yaml:1:1: unknown key "__proto__"'],
    [
      "a duration without unit",
      "dns: { timeout: 60 }\n",
      'config.yaml:1:17: dns.timeout: expected a duration from 100ms to 30s, such as 2s, found 60; for seconds write "60s"',
    ],
    [
      "a duration with a blank",
      "https:\n  timeout: 60 s\n",
      'config.yaml:2:12: https.timeout: expected a duration from 1s to 10m, such as 60s, found "60 s"',
    ],
    [
      "a duration out of range",
      "https:\n  timeout: 30d\n",
      'config.yaml:2:12: https.timeout: expected a duration from 1s to 10m, such as 60s, found "30d"',
    ],
    [
      "a deadline out of range",
      "listen: [{ postfix: { path: /x, deadline: 91s } }]\n",
      'config.yaml:1:43: listen[0].postfix.deadline: expected a duration from 1s to 90s, such as 20s, found "91s"',
    ],
    [
      "a key without value",
      "https:\n  timeout:\n",
      "config.yaml:2:3: https.timeout: has no value; expected a duration from 1s to 10m, such as 60s, or remove the key for its default",
    ],
    [
      "a section that is text",
      "dns: 127.0.0.1\n",
      'config.yaml:1:6: dns: expected a mapping with the keys servers and timeout, found "127.0.0.1"',
    ],
    [
      "a list that is text",
      "dns: { servers: 127.0.0.1 }\n",
      'config.yaml:1:17: dns.servers: expected a list of IP addresses with an optional port, such as ["127.0.0.1:53"], found "127.0.0.1"',
    ],
    [
      "a list with nothing in it",
      "listen: []\n",
      'config.yaml:1:9: listen: expected a list of listeners, each one line such as "- postfix: 127.0.0.1:8461", found an empty list',
    ],
    [
      "a resolver by name",
      "dns:\n  servers:\n    - 192.0.2.1\n    - dns.example\n",
      'config.yaml:4:7: dns.servers[1]: expected an IP address with an optional port, such as 127.0.0.1:53 or [::1]:53, found "dns.example"',
    ],
    [
      "YAML 1.1's yes",
      "https: { allow-private-addresses: yes }\n",
      'config.yaml:1:35: https.allow-private-addresses: expected true or false, found "yes"',
    ],
    [
      "a misspelt value",
      "log: { level: inof }\n",
      'config.yaml:1:15: log.level: expected debug, info, warn or error, found "inof", did you mean "info"?',
    ],
    [
      "a vague leniency",
      "policy: { leniency: [tolerant] }\n",
      'config.yaml:1:22: policy.leniency[0]: expected one of outer-blanks, blank-lines, byte-order-mark, missing-content-type, found "tolerant"',
    ],
    [
      "a deadline that Exim would not wait for",
      "listen:\n  - exim: { path: /run/x, deadline: 20s }\n",
      'config.yaml:2:37: listen[0].exim.deadline: expected a duration from 1s to 4s, such as 4s, found "20s"',
    ],
    [
      "the Redis store",
      "store: { type: redis }\n",
      'config.yaml:1:16: store.type: "redis" is not available in this version; expected sqlite or memory',
    ],
    [
      "an unquoted file mode",
      "listen: [{ http: { path: /x, mode: 0660 } }]\n",
      'config.yaml:1:36: listen[0].http.mode: expected an octal file mode in quotes, such as "0660", found 660',
    ],
    [
      "a control port",
      "listen: [{ control: '127.0.0.1:8463' }]\n",
      'config.yaml:1:21: listen[0].control: expected a unix socket such as unix:/run/mta-sts/control.sock (never TCP: it can change the cache), found "127.0.0.1:8463"',
    ],
    [
      "a control port, as a mapping",
      "listen: [{ control: { address: '127.0.0.1:8463' } }]\n",
      'config.yaml:1:23: unknown key "address"; the keys here are path, mode',
    ],
    [
      "a control socket for others",
      "listen: [{ control: { path: /x, mode: '0660' } }]\n",
      'config.yaml:1:39: listen[0].control.mode: expected "0600": the control socket has no other mode, found "0660", did you mean "0600"?',
    ],
    [
      "a group for the control socket",
      "listen: [{ control: { path: /x, group: mail } }]\n",
      'config.yaml:1:33: unknown key "group"; the keys here are path, mode',
    ],
    [
      "two listeners in one entry",
      "listen:\n  - postfix: 127.0.0.1:1\n    http: 127.0.0.1:2\n",
      'config.yaml:2:5: listen[0]: names several listeners at once; expected one listener such as "postfix: 127.0.0.1:8461", each behind its own "- "',
    ],
    [
      "an empty entry",
      "listen: [{}]\n",
      'config.yaml:1:10: listen[0]: expected one listener such as "postfix: 127.0.0.1:8461", found an empty mapping',
    ],
    [
      "a listener without address",
      "listen: [{ postfix: { deadline: 20s } }]\n",
      "config.yaml:1:21: listen[0].postfix: has no address; expected path (a unix socket) or address (host:port)",
    ],
    [
      "a listener with two",
      "listen: [{ postfix: { path: /x, address: '127.0.0.1:1' } }]\n",
      "config.yaml:1:42: listen[0].postfix.address: stands beside path; expected one of the two, each listener is one socket",
    ],
    [
      "a mode for TCP",
      "listen: [{ http: { address: '127.0.0.1:1', mode: '0660' } }]\n",
      "config.yaml:1:50: listen[0].http.mode: is for unix sockets only; expected path in place of address",
    ],
    [
      "IPv6 without brackets",
      "listen: [{ postfix: '::1:8461' }]\n",
      "config.yaml:1:21: listen[0].postfix: ::1:8461 needs brackets around its IPv6 address: [::1]",
    ],
    [
      "one address twice",
      "listen:\n  - postfix: 127.0.0.1:1\n  - http: 127.0.0.1:1\n",
      "config.yaml:3:11: listen[1].http: 127.0.0.1:1 is taken by a listener above; expected an address of its own",
    ],
    [
      "a key that stands twice",
      "log: {}\ndns: {}\nlog: {}\n",
      "config.yaml:3:1: this key stands here a second time; remove one of the two",
    ],
    ["a tab", "log:\n\tlevel: info\n", "config.yaml:2:1: a tab is used to indent; YAML wants spaces"],
    ["a second document", "log: {}\n---\ndns: {}\n", "config.yaml:2:1: a second document starts here; expected one"],
    ["broken YAML", "log: { level: info\n", "config.yaml:2:1: not valid YAML: "],
    ["an unknown tag", "log: !secret x\n", "config.yaml:1:6: not valid YAML: Unresolved tag: !secret"],
    [
      "an alias",
      "dns: &a { timeout: 2s }\nlog: *a\n",
      "config.yaml:2:6: a YAML alias is not accepted here; write the value out",
    ],
    [
      "a file that is a list",
      "- postfix: 127.0.0.1:8461\n",
      "config.yaml:1:1: expected a mapping of listen, dns, https, store, policy and log, found a list",
    ],
  ])("points at %s", (_what, yaml, expected) => {
    expect(errorLines(yaml)).toContainEqual(expect.stringContaining(expected));
  });

  it("comes together with all the others of the file, in its order, one line each", () => {
    const lines = errorLines(`listen:
  - postfix: 127.0.0.1
  - http: { path: /x, deadline: 1s }
  - postfix: "[::1]:99999"
dns: { servers: [x], timeout: 1y }
https:
  ca-file: /nonexistent/ca.pem
  timeout: 0s
stroe: {}
log:
  level: loud
`);
    expect(lines.map((line) => line.split(": ")[0])).toEqual([
      "config.yaml:2:14",
      "config.yaml:3:23",
      "config.yaml:4:14",
      "config.yaml:5:18",
      "config.yaml:5:31",
      "config.yaml:7:12",
      "config.yaml:8:12",
      "config.yaml:9:1",
      "config.yaml:11:10",
    ]);
  });

  it("is one line for a value that breaks several rules at once", () => {
    expect(errorLines("log: { level: 5 }\n")).toEqual([
      "config.yaml:1:15: log.level: expected debug, info, warn or error, found 5",
    ]);
  });
});

describe("a file that cannot be read", () => {
  it("is an error when it was named and is not there", () => {
    expect(errorOf({ file: "/nonexistent/config.yaml", env: {}, isRoot: true })).toEqual([
      "/nonexistent/config.yaml: cannot be read (no such file); expected a YAML file",
    ]);
  });

  it("is an error when it was named by MTA_STS_CONFIG", () => {
    expect(errorOf({ env: { MTA_STS_CONFIG: "/nonexistent/config.yaml" }, isRoot: true })[0]).toContain("no such file");
  });

  it("is an error when the default file is there but out of reach", () => {
    inFolder({ "a/x": "" }, (path) => {
      symlinkSync(path("loop"), path("loop"));
      expect(errorOf({ defaultFile: path("loop"), env: {}, isRoot: true })[0]).toContain("too many symbolic links");
      expect(errorOf({ defaultFile: path("a"), env: {}, isRoot: true })[0]).toContain("it is a directory");
      expect(errorOf({ defaultFile: path("a/x/y"), env: {}, isRoot: true })[0]).toContain("is not a directory");
    });
  });

  it("says that permission was denied", () => {
    const denied = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: "EACCES" });
    expect([reasonOf(denied), isAbsent(denied)]).toEqual(["permission denied", false]);
  });

  it.each<[string, string | Uint8Array, string]>([
    ["is not UTF-8", Uint8Array.of(0x61, 0xff, 0xfe), "config.yaml: is not UTF-8; expected a YAML file"],
    [
      "is no configuration by its size",
      "#".repeat(262_145),
      "config.yaml: has 262145 bytes; expected a YAML file of at most 262144 bytes",
    ],
    ["is nested without end", "[".repeat(100_000), "config.yaml: is nested deeper than 50 levels"],
    ["is nested without end, in pairs", "[a,{b: ".repeat(10_000), "config.yaml: is nested deeper than 50 levels"],
    ["is nested without end, in blocks", "- ".repeat(50_000), "config.yaml: is nested deeper than 50 levels"],
    [
      "is an alias bomb",
      `a: &a [x,x]\nb: &b [${"*a,".repeat(1000)}]\nc: [${"*b,".repeat(1000)}]\n`,
      "a YAML alias is not accepted here",
    ],
  ])("is refused when it %s", (_what, content, expected) => {
    expect(errorLines(content).join("\n")).toContain(expected);
  });

  it.each([
    ["is not there", null, "no such file"],
    ["holds no certificate", "hello", "the CA file holds no PEM certificate"],
    [
      "holds a damaged one",
      `${rootCertificates[0]}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      "certificate 2 of 2",
    ],
  ])("as https.ca-file: %s", (_what, pem, expected) => {
    const lines = inFolder({ ...(pem === null ? {} : { "ca.pem": pem }) }, (path) =>
      errorOf({ defaultFile: path("none"), env: { MTA_STS_HTTPS_CA_FILE: path("ca.pem") }, isRoot: true }),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^MTA_STS_HTTPS_CA_FILE: https\.ca-file: ".*ca\.pem" cannot be used \(/);
    expect(lines[0]).toContain(expected);
    expect(lines[0]).toContain("expected the path of a PEM file with CA certificates");
  });
});
