import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorld, type World } from "../lab/world.ts";
import { mtaSts } from "./command.ts";
import { DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

const DAY = 86_400;

describe("mta-sts explain with a daemon", () => {
  let world: World;
  let home: Home;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    world = await createWorld({ httpsAddress: "127.84.63.1", httpsPort: 443, ttl: 0 });
    await world.domain("a.test", { policy: { mode: "enforce", mx: ["mx.a.test"], maxAge: DAY } });
    await world.domain("plain.test", { txt: { answer: "nodata", soa: { ttl: 600, minimum: 600 } } });
  });
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
    daemon = await DaemonProcess.start(home);
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
    await world?.setDnsOutage(null);
  });
  afterAll(() => world?.close());

  const explain = (...args: string[]) => mtaSts(["explain", ...args, "--socket", home.control]);

  it("tells what is held, since when and until when, what comes next, what would be answered and why", async () => {
    await daemon.ask("postfix a.test");
    const { code, stdout } = await explain("A.test.", "--json");
    expect(code).toBe(0);
    const { version, domain, mtaSts: told } = JSON.parse(stdout);
    expect({ version, domain }).toEqual({ version: 1, domain: "a.test" });
    expect(Object.keys(told)).toEqual([
      "answer",
      "facts",
      "querying",
      "fetching",
      "waiting",
      "storeFault",
      "lastTrouble",
      "why",
    ]);
    expect(told.answer).toMatchObject({ verdict: "policy", stored: true, policy: { mode: "enforce", id: "1" } });
    expect(told.facts).toMatchObject({ mode: "enforce", failures: 0, lastFailure: null, negative: null });
    expect(told.facts.refreshIn).toBeGreaterThan(DAY / 3);
    expect(told.facts.refreshIn).toBeLessThanOrEqual(DAY / 2);
    expect(told.facts.fetchedAgo).toBe(told.answer.policy.age);
    const text = (await explain("a.test")).stdout;
    expect(text).toContain("mode enforce, stored on disk");
    expect(text).toMatch(/Next +refresh of the policy in 1[01] h/);
    expect(text).toMatch(/Answer now +enforce: mail goes only to permitted MX hosts/);
    expect(text).toMatch(/Why +the policy was fetched over a valid certificate/);
  });

  it("tells that there is no policy, and why", async () => {
    await daemon.ask("postfix plain.test");
    const { mtaSts: told } = JSON.parse((await explain("plain.test", "--json")).stdout);
    expect(told.answer).toMatchObject({ verdict: "none", status: "no-record" });
    expect(told.facts.negative).toMatchObject({ status: "no-record" });
    expect(told.facts.negative.goodFor).toBeLessThanOrEqual(600);
    expect((await explain("plain.test")).stdout).toMatch(/Why +DNS says that the domain has no MTA-STS record/);
  });

  it("tells since when DNS fails, and that mail waits for it", async () => {
    await world.setDnsOutage({ answer: "drop" });
    await daemon.ask("postfix dark.test");
    const { stdout } = await explain("dark.test", "--json");
    const { mtaSts: told } = JSON.parse(stdout);
    expect(told.answer).toMatchObject({ verdict: "temp", reason: "discovery-failed" });
    expect(told.facts.discoveryFailingFor).toBeLessThan(60);
    expect((await explain("dark.test")).stdout).toMatch(
      /TXT lookups fail since \d+ s\n.*last trouble: TXT _mta-sts\.dark\.test/,
    );
  });

  it("changes nothing: neither a question to DNS nor a domain more in memory comes of it", async () => {
    const before = (await daemon.page("/metrics")).body;
    expect(await explain("never.test")).toMatchObject({ code: 1, stdout: "" });
    expect(JSON.parse((await explain("never.test", "--json")).stdout)).toEqual({
      version: 1,
      domain: "never.test",
      mtaSts: null,
    });
    const after = (await daemon.page("/metrics")).body;
    const queries = (text: string) =>
      text.split("\n").filter((line) => /^mta_sts_(dns_queries|cache_memory)/.test(line));
    expect(queries(after)).toEqual(queries(before));
  });

  it("exits 3 when no daemon answers", async () => {
    const { code, stderr } = await mtaSts(["explain", "a.test", "--socket", `${home.folder}/none.sock`]);
    expect(code).toBe(3);
    expect(stderr).toContain("start the daemon with: mta-sts serve");
  });
});
