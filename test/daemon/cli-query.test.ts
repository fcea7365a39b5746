import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { createWorld, type World } from "../lab/world.ts";
import { mtaSts } from "./command.ts";
import { DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

const DAY = 86_400;
const enforce = (...mx: string[]) => ({ mode: "enforce" as const, mx, maxAge: DAY });

describe("mta-sts query", () => {
  let world: World;
  let home: Home;

  beforeAll(async () => {
    if (policyHostObstacle() === null) world = await createWorld({ httpsAddress: "127.84.62.1", httpsPort: 443 });
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
    await world?.setDnsOutage(null);
  });
  afterAll(() => world?.close());

  const query = (domain: string, ...more: string[]) => mtaSts(["query", domain, "--config", home.config, ...more]);

  const outcomes: readonly [title: string, name: string, spec: DomainSpec, exit: number, json: object][] = [
    [
      "0 for an enforced policy",
      "good.test",
      { policy: enforce("mx.good.test") },
      0,
      { verdict: "policy", status: "fetched", record: { outcome: "records", selected: { ok: true, id: "1" } } },
    ],
    [
      "0 for a testing policy, also where it would refuse an MX host",
      "testing.test",
      { policy: { mode: "testing", mx: ["other.test"], maxAge: DAY } },
      0,
      { verdict: "policy", postfix: { postfix: "NOTFOUND " }, mx: { hosts: [{ permittedBy: null }] } },
    ],
    [
      "1 for no policy",
      "plain.test",
      {},
      1,
      { verdict: "none", status: "no-record", policy: null, record: { outcome: "nxdomain" } },
    ],
    [
      "1 for several records",
      "twice.test",
      { policy: enforce("mx.twice.test"), txt: ["v=STSv1; id=1;", "v=STSv1; id=2;"] },
      1,
      { status: "record-invalid", record: { selected: { ok: false, code: "record-several" } }, policy: null },
    ],
    [
      "1 for a policy that is not valid",
      "broken.test",
      { policy: { raw: "version: STSv1\nmode: enforce\nmax_age: 1\n" } },
      1,
      { status: "policy-invalid", policy: { fetched: true, parsed: { ok: false, code: "policy-no-mx" } } },
    ],
    [
      "1 for a policy behind a certificate that does not verify (R-8461-3.3-01)",
      "expired.test",
      { policy: enforce("mx.expired.test"), policyHost: { certificate: "expired" } },
      1,
      { status: "fetch-failed", resultType: "sts-webpki-invalid", policy: { fetched: false, failure: "certificate" } },
    ],
    [
      "1 when the policy permits none of the MX hosts",
      "forged.test",
      { policy: enforce("*.forged.test"), mx: ["mx.attacker.test"] },
      1,
      { verdict: "policy", postfix: { postfix: "OK secure match=mta-sts-no-match.invalid servername=hostname" } },
    ],
    [
      "3 when the policy host does not answer",
      "down.test",
      { policy: enforce("mx.down.test"), policyHost: { dnsAddresses: ["127.99.99.99"] } },
      3,
      { verdict: "none", status: "fetch-failed", policy: { fetched: false, failure: "connect" } },
    ],
    [
      "3 when the TXT lookup fails",
      "servfail.test",
      { txt: { answer: "servfail" } },
      3,
      { verdict: "temp", status: "record-failed", record: { outcome: "failed", reason: "servfail" } },
    ],
  ];
  it.each(outcomes)("exits %s", async (_title, name, spec, exit, json) => {
    await world.domain(name, spec);
    const { code, stdout, stderr } = await query(name, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, domain: name, exitCode: exit, ...json });
    expect({ code, stderr }).toEqual({ code: exit, stderr: "" });
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });

  it("explains each step in plain words", async () => {
    await world.domain("words.test", {
      policy: enforce("mx.words.test"),
      mx: ["mx.words.test", { exchange: "backup.words.test", server: false }],
    });
    const { stdout } = await query("words.test");
    for (const words of [
      "_mta-sts.words.test: valid, id 1, TTL 300 s",
      "https://mta-sts.words.test/.well-known/mta-sts.txt",
      "served by 127.84.62.1 over TLSv1.3",
      "valid, mode enforce, max_age 86400 s (1 d)",
      "mx.words.test  permitted by mx mx.words.test",
      "backup.words.test  not permitted by the policy",
      "mail goes only to permitted MX hosts, over TLS with a certificate that verifies",
      "OK secure match=mx.words.test servername=hostname",
      "no daemon answers on",
    ])
      expect(stdout).toContain(words);
  });

  it("finds an internationalised domain, in any case and with a trailing dot (R-8461-KEY-01)", async () => {
    await world.domain("xn--bcher-kva.test", { policy: enforce("mx.good.test") });
    const { code, stdout } = await query("BÜCHER.test.", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout).domain).toBe("xn--bcher-kva.test");
  });

  it("does not accept what the daemon would not: a policy of the wrong Content-Type (R-8461-3.2-03)", async () => {
    const body = "version: STSv1\nmode: enforce\nmx: mx.html.test\nmax_age: 86400\n";
    await world.domain("html.test", {
      policy: enforce("mx.html.test"),
      policyHost: { behaviour: { kind: "ok", body, contentType: "text/html" } },
    });
    const { code, stdout } = await query("html.test");
    expect(code).toBe(1);
    expect(stdout).toContain("not accepted: GET https://mta-sts.html.test");
  });

  it("lets no byte of hostile records, policies and MX names reach the terminal as it is", async () => {
    await world.domain("hostile.test", {
      policy: { raw: "version: STSv1\nmode: \u001b]0;owned\u0007\u202e\n" },
      txt: ["v=STSv1; id=1;", 'note=\u001b[2J\u009b31m\n"OK secure'],
      mx: [{ exchange: ["x:\u001b[31m:y", "hostile", "test"], server: false }],
    });
    const text = (await query("hostile.test")).stdout;
    const json = (await query("hostile.test", "--json")).stdout;
    for (const stdout of [text, json]) expect(stdout).toMatch(/^[\x20-\x7e\n]+$/);
    const host = "x\\058\\027\\09131m\\058y.hostile.test";
    expect(text).toContain(`MX hosts    ${host}\n`);
    expect(JSON.parse(json).mx.hosts).toEqual([{ host, permittedBy: null }]);
  });

  it("shows what the daemon holds, which outlives a forged NXDOMAIN (R-8461-3.1-23)", async () => {
    await world.domain("held.test", { policy: enforce("mx.held.test") });
    const daemon = await DaemonProcess.start(home);
    const unknown = JSON.parse((await query("held.test", "--json")).stdout).daemon;
    expect(unknown).toEqual({ reached: true, socket: home.control, view: null });

    await daemon.ask("postfix held.test");
    await world.forgeNxdomain("held.test");
    const { code, stdout } = await query("held.test", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "none",
      daemon: { reached: true, view: { verdict: "policy", stored: true, policy: { mode: "enforce", id: "1" } } },
    });
    const text = (await query("held.test")).stdout;
    expect(text).toContain("policy 1, mode enforce, stored on disk");
    expect(text).toContain("it honours this policy, whatever the live lookup above says");
    await world.unforge("held.test");
  });

  it("asks the daemon without touching its store, and says why when it cannot be asked", async () => {
    await world.domain("good.test", { policy: enforce("mx.good.test") });
    const { stdout } = await query("good.test", "--json", "--socket", "/nowhere/control.sock");
    expect(JSON.parse(stdout).daemon).toEqual({
      reached: false,
      socket: "/nowhere/control.sock",
      why: "no daemon answers on /nowhere/control.sock: there is no such socket",
    });
  });
});
