// The configuration loader under files built from the schema and then changed: a configuration, or every problem with its
// place, and nothing else.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import type { Config } from "../../../host/config/config.ts";
import { loadConfig } from "../../../host/config/load.ts";
import { ConfigError } from "../../../host/config/problem.ts";
import { mostly, mutated } from "../../oracle/inputs/mutation.ts";
import { fromBytes, toBytes } from "../../oracle/octets.ts";
import { patience, runs } from "./runs.ts";

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e308,
    "",
    " ",
    "\u0000",
    "é",
    "~",
    [],
    {},
    [[]],
    "x".repeat(300),
    "__proto__",
    "constructor",
    "127.0.0.1:99999",
    "unix:",
    "1s ",
    `${"9".repeat(40)}s`,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const given = (...values: unknown[]): fc.Arbitrary<unknown> => mostly(fc.constantFrom(...values), odd, 80);
const duration = given("500ms", "20s", "5m", "24h", "7d", "1s");
const place = fc.nat(60_000);
const tcp = mostly(
  place.map((port) => `127.0.0.1:${port}`),
  odd,
  80,
);
const unix = mostly(
  place.map((n) => `unix:/run/${n}.sock`),
  odd,
  80,
);
const options = { mode: given("0660", "600"), group: given("postfix", "33") };
const mapping = fc.oneof(
  fc
    .tuple(unix, fc.record({ ...options, deadline: duration }, { requiredKeys: [] }))
    .map(([path, more]) => ({ path, ...more })),
  fc
    .tuple(tcp, fc.record({ deadline: duration }, { requiredKeys: [] }))
    .map(([at, more]) => ({ address: at, ...more })),
  fc.record({ path: unix, address: tcp, ...options, deadline: duration }, { requiredKeys: [] }),
);
const mta = fc.constantFrom("postfix", "exim", "opensmtpd");
const listener = fc
  .oneof(
    { weight: 6, arbitrary: fc.tuple(mta, fc.oneof(tcp, unix, mapping)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("control"), unix) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("http"), fc.oneof(tcp, unix)) },
    { weight: 1, arbitrary: fc.tuple(fc.string({ maxLength: 6 }), fc.oneof(tcp, odd)) },
  )
  .map(([kind, value]) => ({ [String(kind)]: value }));
const section = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
  mostly(fc.record(shape, { requiredKeys: [] }), odd, 60);
const tree = fc
  .record(
    {
      listen: mostly(fc.array(listener, { minLength: 1, maxLength: 3 }), odd, 60),
      dns: section({
        servers: mostly(fc.array(given("127.0.0.1:53", "[::1]:53", "192.0.2.1"), { maxLength: 3 }), odd),
        timeout: duration,
      }),
      https: section({
        timeout: duration,

        "allow-private-addresses": given(true, false),
      }),
      store: section({ type: given("sqlite", "memory"), path: given("/var/lib/x.db", "./x.db") }),
      policy: section({
        leniency: mostly(fc.array(given("outer-blanks", "blank-lines"), { maxLength: 3 }), odd),
        "on-discovery-failure": given("defer", "deliver"),
      }),
      log: section({ level: given("info", "debug"), format: given("json", "pretty") }),
    },
    { requiredKeys: [] },
  )
  .chain((whole) =>
    mostly(
      fc.constant(whole),
      fc.dictionary(fc.string({ maxLength: 8 }), odd, { maxKeys: 2 }).map((more) => ({ ...whole, ...more })),
      30,
    ),
  );
const files = mutated(
  tree.map((value) => fromBytes(Buffer.from(stringify(value), "utf8"))),
  " \t\n:-[]{},&*!|>'\"%@`#?\x00\xff\u0085",
);
const variables = fc.dictionary(
  fc.constantFrom(
    "MTA_STS_LISTEN",
    "MTA_STS_DNS_SERVERS",
    "MTA_STS_DNS_TIMEOUT",
    "MTA_STS_HTTPS_TIMEOUT",
    "MTA_STS_STORE_TYPE",
    "MTA_STS_STORE_PATH",
    "MTA_STS_POLICY_LENIENCY",
    "MTA_STS_LOG_LEVEL",
    "MTA_STS_LOG_LEVL",
    "MTA_STS_HTTPS_CA_FILE",
    "MTA_STS_CONFIG",
    "HOME",
  ),
  fc.oneof(
    fc.constantFrom(
      "",
      "5s",
      "127.0.0.1:53",
      "[a, b]",
      "{",
      "memory",
      "info",
      "postfix: 127.0.0.1:1",
      "&a",
      "*a",
      "9".repeat(400),
      "\u0000",
    ),
    fc.string({ maxLength: 12 }),
  ),
  { maxKeys: 2 },
);

const MTA_KINDS = ["postfix", "exim", "opensmtpd"];

/** What every part of the program relies on, whatever the file said. */
function expectSound(config: Config): void {
  expect(config.listen.length).toBeGreaterThan(0);
  for (const { kind, address: at, ...more } of config.listen) {
    expect(["control", "http", ...MTA_KINDS]).toContain(kind);
    if (kind === "control") expect(at).toMatchObject({ transport: "unix", mode: 0o600 });
    if ("deadline" in more) expect(Number.isSafeInteger(more.deadline) && more.deadline > 0).toBe(true);
    if (at.transport === "tcp") expect(Number.isInteger(at.port) && at.port >= 0 && at.port <= 65_535).toBe(true);
    else expect(at.path).not.toBe("");
  }
  for (const time of [config.dns.timeout, config.https.timeout])
    expect(Number.isSafeInteger(time) && time > 0).toBe(true);
  expect(["sqlite", "memory"]).toContain(config.store.type);
  expect(["defer-briefly", "deliver", "defer"]).toContain(config.policy.onDiscoveryFailure);
  expect(typeof config.https.allowPrivateAddresses).toBe("boolean");
  expect(Object.isFrozen(config) && Object.isFrozen(config.listen)).toBe(true);
}

describe("the configuration loader, fuzzed", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mta-sts-config-fuzz-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("gives a sound configuration or every problem with its place, for any file and any environment", {
    timeout: patience(12),
  }, () => {
    const file = join(folder, "config.yaml");
    const told = { loaded: 0, refused: 0 };
    const warned: unknown[] = [];
    const spy = vi.spyOn(process, "emitWarning").mockImplementation((warning) => void warned.push(warning));
    let slowest = 0;
    fc.assert(
      fc.property(files, mostly(fc.constant({}), variables, 2), fc.boolean(), (content, env, isRoot) => {
        writeFileSync(file, toBytes(content));
        const started = performance.now();
        try {
          expectSound(loadConfig({ file, env, isRoot }));
          told.loaded++;
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          const lines = error.message.split("\n");
          expect(lines.length).toBeGreaterThan(0);
          for (const line of lines) {
            expect(line).toMatch(/^[\x20-\x7e]+$/);
            expect(line.startsWith(file) || /^MTA_STS_[A-Z_]+: /.test(line), line).toBe(true);
          }
          told.refused++;
        }
        slowest = Math.max(slowest, performance.now() - started);
      }),
      runs(1_000, 0x6366),
    );
    spy.mockRestore();
    console.log(`configurations: ${JSON.stringify(told)}, slowest ${slowest.toFixed(0)} ms`);
    expect(told.loaded).toBeGreaterThan(50);
    expect(told.refused).toBeGreaterThan(100);
    expect(warned).toEqual([]);
  });
});
