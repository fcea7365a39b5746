import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadCoreSync } from "../../host/core/load.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { enforce, eventually, NOTFOUND, Site, secured, WEEK } from "./site.ts";

describe("core and store", () => {
  let site: Site;
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open({ daemon: { nodeArgs: [] } });
  });
  afterEach(() => site?.close());

  it("A-61 no input makes the core trap, loop past its fuel, or grow memory past its max; a trap in a host is TEMP and a fresh instance", async () => {
    // What inputs do is fuzzed by `npm run fuzz` and shown by test/core; here: what a trap would do.
    const domain = await site.known();
    const preload = fileURLToPath(new URL("./trapping-core.mjs", import.meta.url));
    await site.restart({ nodeArgs: [...(site.clock.options.nodeArgs ?? []), "--import", preload] });
    expect(await site.ask(domain)).toBe(secured(domain));
    site.daemon.child.kill("SIGUSR2");
    await eventually("the trap", async () => (await site.ask(domain))?.startsWith("TEMP internal-error") === true);
    expect((await site.daemon.event("internal-error")).detail).toContain("unreachable");
    expect(await site.ask(domain), "by a fresh instance").toBe(secured(domain));
    const other = await site.unknown();
    expect(await site.ask(other)).toBe(secured(other));
    expect(await site.metric('mta_sts_temp_total{reason="internal-error"}')).toBe(1);

    const core = loadCoreSync();
    for (let i = 0; i < 2_000; i++) {
      const noise = randomBytes(i % 700);
      core.selectRecord([noise, noise.toString("latin1")]);
      core.parsePolicy(Buffer.concat([Buffer.from("version: STSv1\n"), noise]));
      core.matchesMx(noise.toString("latin1"), noise.toString("latin1"));
    }
  });

  it("A-62 one call's bytes are never visible in the next call's output (memory reuse)", async () => {
    const secret = "the-secret-of-another-domain";
    const first = site.newDomain();
    await site.world.domain(first, {
      policy: { raw: `version: STSv1\nmode: enforce\nmx: ${secret}.test\nx: ${secret}\nmax_age: ${WEEK}\n` },
    });
    expect(await site.ask(first)).toContain(secret);
    const second = await site.known();
    const invalid = site.newDomain();
    await site.world.domain(invalid, { policy: { raw: "version: STSv1\nmode: enfo" } });
    expect(await site.ask(invalid)).toBe(NOTFOUND);
    for (const domain of [second, invalid]) {
      expect(JSON.stringify(site.told(domain))).not.toContain(secret);
      expect(JSON.stringify(await site.held(domain))).not.toContain(secret);
    }
    await site.stop();
    const rows = new Database(site.home.store).prepare("SELECT state FROM policy").all() as { state: Buffer }[];
    const holding = rows.filter(({ state }) => Buffer.from(state).includes(secret));
    expect(rows).toHaveLength(2);
    expect(holding).toHaveLength(1);
    await site.start();
  });

  it("A-63 a record with a bad checksum is treated as absent, counted and refetched, never served (R-8461-CSM-12)", async () => {
    const [damaged, lost, sound] = [await site.known(), await site.known(), await site.known()];
    await site.stop();
    const database = new Database(site.home.store);
    for (const domain of [damaged, lost]) flipBit(database, domain);
    database.close();
    await site.world.forgeReply(lost, { answer: "servfail" }, "all");
    await site.start();
    expect(await site.ask(damaged), "fetched anew").toBe(secured(damaged));
    expect(site.gets(damaged)).toBe(2);
    expect(await site.ask(lost), "neither served nor forgotten").toMatch(/^TEMP store-unavailable/);
    expect(await site.ask(sound)).toBe(secured(sound));
    expect(site.daemon.events("store-row-damaged").length).toBeGreaterThan(0);
    expect(await site.metric('mta_sts_store_errors_total{failure="damaged-row"}')).toBeGreaterThanOrEqual(2);
  });

  it("A-65 control characters, ANSI escapes and newlines from the network never reach logs or TLSRPT unescaped", async () => {
    const evil = '\x1b[2J\x1b]0;owned\x07\r\n{"event":"forged"}\x00\x9b31m\u202e';
    let raw = "";
    site.daemon.child.stdout?.on("data", (piece: Buffer) => (raw += piece.toString("latin1")));
    const ask = async (spec: Parameters<Site["unknown"]>[0]) => site.ask(await site.unknown(spec));
    await ask({ txt: [`v=STSv1; id=${evil};`] });
    await ask({
      policyHost: {
        behaviour: { kind: "redirect", status: 302, location: `https://x/${evil.replace(/[\r\n]/g, "")}` },
      },
    });
    await ask({ policyHost: { behaviour: { kind: "raw", bytes: `HTTP/1.1 200 ${evil}\r\n\r\n`, close: true } } });
    await ask({ policyHost: { behaviour: { kind: "ok", body: "x", contentType: "text/html\x1b[31m" } } });
    await ask({ policyHost: { certificate: { names: ["x\x1b[31m.test", "y\n.test"] } } });
    const policy = site.newDomain();
    await site.world.domain(policy, {
      policy: { raw: `version: STSv1\nmode: enforce\nmx: mx.${policy}\n${evil}: x\nmax_age: 5\n` },
    });
    const replies = [await site.ask(policy)];
    const odd = site.newDomain();
    await site.world.domain(odd, { policy: { mode: "testing", mx: ["mx.other.test"], maxAge: 86_400 }, mx: [] });
    await site.world.setDns(odd, "MX", [{ preference: 1, exchange: ["a\x1b[31m\n", "test"] }]);
    replies.push(await site.ask(odd), await site.ask(`x${evil}.test`));
    for (const domain of [policy, odd]) await site.world.domain(domain, { policy: enforce(domain) });
    await eventually("the last event", () => site.daemon.events("testing-mismatch").length === 1);
    for (const reply of replies) expect(reply).toMatch(/^[\x20-\x7e]*$/);
    expect(raw.length).toBeGreaterThan(500);
    expect(raw).toMatch(/^[\x20-\x7e\n]*$/);
    for (const line of raw.trim().split("\n")) expect(JSON.parse(line).event, line).not.toBe("forged");
    for (const { msg } of site.daemon.lines) expect(msg).toMatch(/^[\x20-\x7e]*$/);
  });
});

/** One bit of the stored state, in the middle of the policy. */
function flipBit(database: InstanceType<typeof Database>, domain: string): void {
  const { state } = database.prepare("SELECT state FROM policy WHERE domain = ?").get(domain) as { state: Buffer };
  const changed = Buffer.from(state);
  const at = changed.indexOf("mode: enforce");
  if (at < 0) throw new Error("no policy in the row");
  changed[at + 6] = (changed[at + 6] as number) ^ 1;
  database.prepare("UPDATE policy SET state = ? WHERE domain = ?").run(changed, domain);
}
