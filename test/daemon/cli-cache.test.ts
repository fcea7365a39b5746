import { rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorld, type World } from "../lab/world.ts";
import { mtaSts } from "./command.ts";
import { DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

const DAY = 86_400;

describe("mta-sts cache with a daemon", () => {
  let world: World;
  let home: Home;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    world = await createWorld({ httpsAddress: "127.84.63.1", httpsPort: 443, ttl: 0 });
    for (const name of ["a.test", "b.test"])
      await world.domain(name, { policy: { mode: "enforce", mx: [`mx.${name}`], maxAge: DAY } });
    await world.domain("plain.test", {});
  });
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
    daemon = await DaemonProcess.start(home);
    for (const name of ["b.test", "a.test", "plain.test"]) await daemon.ask(`postfix ${name}`);
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
    await world?.setDnsOutage(null);
  });
  afterAll(() => world?.close());

  const cache = (...args: string[]) => mtaSts(["cache", ...args, "--socket", home.control]);

  it("lists stored policies in domain order, one object a line under --json", async () => {
    const { code, stdout } = await cache("list", "--json");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines.map(({ version, domain, stored }) => [version, domain, stored])).toEqual([
      [1, "a.test", true],
      [1, "b.test", true],
    ]);
    const text = await cache("list");
    expect(text.stdout).toMatch(/^a\.test +enforce +1 +expires in (1 d|23 h 59 min)\nb\.test +enforce/);
  });

  it("finds the socket in the configuration too", async () => {
    expect((await mtaSts(["cache", "list", "--config", home.config])).stdout).toContain("a.test");
  });

  it("shows one domain with its policy, its age and whether it is stored", async () => {
    const { code, stdout } = await cache("show", "A.test.", "--json");
    expect(code).toBe(0);
    const view = JSON.parse(stdout);
    expect(Object.keys(view)).toEqual([
      "version",
      "domain",
      "verdict",
      "status",
      "resultType",
      "reason",
      "detail",
      "policy",
      "stored",
    ]);
    expect(view).toMatchObject({
      version: 1,
      domain: "a.test",
      verdict: "policy",
      stored: true,
      policy: { mode: "enforce", id: "1", mx: ["mx.a.test"], maxAge: DAY, source: "cache" },
    });
    expect(view.policy.age + view.policy.expiresIn).toBe(DAY);
    expect(view.policy.lines[0]).toBe("version: STSv1");
    expect((await cache("show", "a.test")).stdout).toContain("policy 1, mode enforce, stored on disk");
  });

  it("shows that a domain has no policy while that is remembered", async () => {
    await world.domain("known.test", { txt: { answer: "nodata", soa: { ttl: 600, minimum: 600 } } });
    await daemon.ask("postfix known.test");
    const { code, stdout } = await cache("show", "known.test", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "none", status: "no-record", policy: null, stored: false });
    expect((await cache("show", "known.test")).stdout).toContain("no policy held (no-record: TXT _mta-sts.known.test");
  });

  it("exits 1 for a domain it knows nothing of, and names the command for a live lookup", async () => {
    const plain = await cache("show", "never.test");
    expect(plain).toMatchObject({ code: 1, stdout: "" });
    expect(plain.stderr).toContain("mta-sts query never.test");
    const json = await cache("show", "never.test", "--json");
    expect(JSON.parse(json.stdout)).toEqual({
      version: 1,
      domain: "never.test",
      verdict: null,
      policy: null,
      stored: false,
    });
  });

  it("forgets a domain, on disk too, and exits 1 when there was nothing (R-8461-CSM-18)", async () => {
    const first = await cache("forget", "a.test", "--json");
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({ version: 1, domain: "a.test", forgotten: true });
    expect((await cache("list")).stdout).not.toContain("a.test");
    expect(await cache("forget", "a.test")).toMatchObject({ code: 1, stdout: "nothing was known of a.test\n" });
    await daemon.stop();
    await world.setDnsOutage({ answer: "drop" });
    daemon = await DaemonProcess.start(home);
    expect(await daemon.ask("postfix a.test")).toMatch(/^TEMP/);
    expect(await daemon.ask("postfix b.test")).toMatch(/^OK/);
  });

  it("exits 1 when it is to forget a domain of which it shows nothing, though that was asked for", async () => {
    expect((await cache("show", "plain.test")).code).toBe(1);
    const { code, stdout } = await cache("forget", "plain.test", "--json");
    expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 1, version: 1, domain: "plain.test", forgotten: false });
  });

  it("fetches a policy anew on refresh though its id is unchanged, and shows it at once", async () => {
    await world.setPolicy("b.test", { mode: "testing", mx: ["mx.b.test"], maxAge: DAY });
    const { code, stdout } = await cache("refresh", "b.test", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: "fetched", stored: true, policy: { mode: "testing" } });
    expect(await daemon.ask("postfix b.test")).toBe("NOTFOUND ");
    await world.setPolicy("b.test", { mode: "enforce", mx: ["mx.b.test"], maxAge: DAY });
  });

  it("exits 3 when a refresh fails, and the held policy stays in force", async () => {
    await world.breakPolicyHost("a.test", "down");
    const { code, stdout } = await cache("refresh", "a.test", "--json");
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      status: "fetch-failed",
      verdict: "policy",
      policy: { mode: "enforce" },
    });
    expect(await daemon.ask("postfix a.test")).toMatch(/^OK/);
    await world.mendPolicyHost("a.test");
  });

  it("exits 1 when a refresh finds that there is no policy", async () => {
    expect((await cache("refresh", "plain.test", "--json")).code).toBe(1);
  });

  it("leaves owner and mode of the daemon's store as they are", async () => {
    const before = statSync(home.store);
    await cache("list");
    await cache("refresh", "a.test");
    const after = statSync(home.store);
    expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
  });
});

describe("mta-sts cache without a daemon", () => {
  let home: Home;
  beforeEach(() => {
    home = new Home();
  });
  afterEach(() => home.remove());

  it("exits 3, says why, and how to start one", async () => {
    const { code, stdout, stderr } = await mtaSts(["cache", "show", "a.test", "--socket", home.control]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain(`no daemon answers on ${home.control}: there is no such socket`);
    expect(stderr).toContain("start the daemon with: mta-sts serve");
  });

  it("tells a socket that was left behind from one that never was", async () => {
    // A child that is killed leaves its socket; a server that closes removes it.
    const left = createServer();
    await new Promise<void>((done) => left.listen(home.control, done));
    const kept = `${home.control}.kept`;
    const { linkSync } = await import("node:fs");
    linkSync(home.control, kept);
    await new Promise((done) => left.close(done));
    const { code, stderr } = await mtaSts(["cache", "list", "--socket", kept]);
    expect(code).toBe(3);
    expect(stderr).toContain("nobody listens there any more");
    rmSync(kept);
  });

  it("exits 2 when the configuration has no control socket", async () => {
    home.configure(null, { listen: [{ postfix: "127.0.0.1:0" }] });
    const { code, stderr } = await mtaSts(["cache", "list", "--config", home.config]);
    expect(code).toBe(2);
    expect(stderr).toContain('no "control" listener');
  });
});
