import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mtaSts } from "../daemon/command.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { frame, SocketmapClient } from "../host/postfix/socketmap-client.ts";
import { eventually, NOTFOUND, Site, secured } from "./site.ts";

/** Ten thousand need as many file descriptors twice: ATTACK_CLIENTS=10000 with ulimit -n 25000. */
const CLIENTS = Number(process.env.ATTACK_CLIENTS ?? 4_200);

describe("local protocols", () => {
  let site: Site;
  beforeAll(async () => {
    if (policyHostObstacle() === null) site = await Site.open();
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
  });
  afterAll(() => site?.close());

  it("A-48 a netstring with length 0, leading zero, 10 digits, wrong comma, NUL, split at each byte, or two in one packet is answered or closed, never merged with another client's", async () => {
    const [one, two] = [await site.known(), await site.known()];
    const beside = await site.daemon.postfix();
    const good = frame(`postfix ${one}`);
    for (const bytes of [
      "0:,",
      `0${good}`,
      "9999999999:x,",
      `${good.slice(0, -1)};`,
      "x",
      ":,",
      "-1:,",
      "\0".repeat(9),
      "100001:",
    ]) {
      const client = await site.daemon.postfix();
      client.send(bytes);
      client.send(good);
      const reply = await client.reply();
      if (reply !== null) expect(reply, JSON.stringify(bytes)).toMatch(/^PERM malformed/);
      await client.closed();
      expect(await beside.ask(`postfix ${two}`)).toBe(secured(two));
    }
    const split = await site.daemon.postfix();
    split.socket.setNoDelay(true);
    for (const byte of Buffer.from(good)) {
      split.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await split.reply()).toBe(secured(one));
    split.send(good + frame(`postfix ${two}`));
    expect([await split.reply(), await split.reply()]).toEqual([secured(one), secured(two)]);
    const nul = await site.daemon.ask(`postfix ${one}\0.test`);
    expect(nul).not.toContain("secure");
    for (const client of [beside, split]) client.socket.destroy();
  });

  it("A-49 a socketmap reply can never contain bytes from policy text that start a new attribute or netstring", async () => {
    const nasty = [
      "mx.d.test match=nexthop",
      "{ a } = b",
      "mx.d.test;x",
      "mx.d.test:x",
      "mx.d.test,9:OK secure,",
      "a\tb.test",
      "mx.d.test\r",
      "mx.d.test\0",
      "MX\u2028.test",
      "*.*",
      ".",
      "*",
      "[192.0.2.1]",
      "mx.d.test match=.",
      "mx.d.test\u00a0x",
    ];
    for (const pattern of nasty) {
      const domain = site.newDomain();
      const more = `x: ${pattern} } match=evil.test {`;
      const raw = `version: STSv1\nmode: enforce\nmx: mx.${domain}\nmx: ${pattern}\n${more}\nmax_age: 86400\n`;
      await site.world.domain(domain, { policy: { raw } });
      for (const map of ["postfix", "postfix310", "sts"]) {
        const client = await site.daemon.postfix();
        const reply = (await client.ask(`${map} ${domain}`)) ?? "";
        expect(reply, JSON.stringify(pattern)).toMatch(/^(NOTFOUND |OK [ -~]*)$/);
        expect(reply.match(/match=/g)?.length ?? 0).toBeLessThanOrEqual(1);
        // Postfix >= 3.10.5 is told the policy for its TLS reports, in braces of ours.
        expect(reply.replaceAll(/\{ policy_string = [a-z0-9_:*. -]+ \}/gi, "")).not.toMatch(/[{};,]/);
        expect(await client.ask("postfix [192.0.2.1]"), "one reply, and no more").toBe(NOTFOUND);
        client.socket.destroy();
      }
    }
    // An MX host is the attacker's bytes too, and a wildcard is expanded to MX names.
    const wild = site.newDomain();
    await site.world.domain(wild, { policy: { mode: "enforce", mx: [`*.${wild}`], maxAge: 86_400 }, mx: [] });
    for (const label of ["a match=nexthop", "a:b", "a{b}", "x\n", "a,9:OK"]) {
      await site.world.setDns(wild, "MX", [{ preference: 1, exchange: [label, ...wild.split(".")] }]);
      expect(await site.ask(wild), JSON.stringify(label)).toContain("secure match=mta-sts-no-match.invalid ");
    }
  });

  it("A-50 an idle Postfix connection closed after 10 s loses no answer and logs no error", async () => {
    const domain = await site.known();
    const client = await site.daemon.postfix();
    expect(await client.ask(`postfix ${domain}`)).toBe(secured(domain));
    await new Promise((wake) => setTimeout(wake, 10_500)); // as long as Postfix keeps an idle connection
    expect(await client.ask(`postfix ${domain}`)).toBe(secured(domain));
    // Postfix goes away: in peace, in the middle of a request, and before it has read the reply.
    client.socket.end();
    const half = await site.daemon.postfix();
    half.send("30:postfix");
    half.socket.destroy();
    const unread = await site.daemon.postfix();
    unread.send(frame(`postfix ${domain}`));
    unread.socket.resetAndDestroy();
    expect(await site.ask(domain)).toBe(secured(domain));
    // The lab's DNS does not validate, which the start says as an error.
    const errors = site.daemon.lines.filter(({ level, event }) => level === "error" && event !== "dane-off");
    expect(errors).toEqual([]);
    expect(site.daemon.stderr).toBe("");
  });

  it("A-51 a client that sends half a request or never reads holds one slot for at most 30 s; 10,000 of them leave room for a new one", {
    timeout: 180_000,
  }, async () => {
    const domain = await site.known();
    const half = await site.daemon.postfix();
    half.send("30:postfix");
    const deaf = connect(site.daemon.postfixPort, "127.0.0.1");
    await once(deaf, "connect");
    deaf.pause();
    const flooding = flood(deaf, frame(`postfix ${domain}`).repeat(500));
    const started = performance.now();
    await half.closed();
    await eventually(
      "half a request is counted",
      async () => (await site.metric('mta_sts_connections_closed_total{cause="half-request"}')) === 1,
    );
    expect(performance.now() - started).toBeLessThan(40_000);
    await within(40_000, () => site.metric('mta_sts_connections_closed_total{cause="never-reads"}'));
    deaf.destroy();
    await flooding;

    const crowd: Socket[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const socket = connect(site.daemon.postfixPort, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("connect", () => socket.write("30:postfix"));
      crowd.push(socket);
      if (i % 200 === 199) await once(socket, "connect");
    }
    await new Promise((wake) => setTimeout(wake, 1_500)); // stuck for as long as the daemon is patient when it is full
    expect(await site.ask(domain)).toBe(secured(domain));
    for (const socket of crowd) socket.destroy();
    await eventually("all are gone", async () => JSON.parse((await site.daemon.page("/healthz")).body).connections < 5);
  });

  it("A-52 the unix socket is created 0660 in a private directory, never through a symlink; TCP binds loopback by default; metrics show no domain names", async () => {
    const domain = await site.known();
    const { folder } = site.home;
    const place = join(folder, "postfix");
    mkdirSync(place, { mode: 0o750 });
    mkdirSync(join(folder, "real"));
    symlinkSync(join(folder, "real"), join(folder, "link"));
    await site.stop();
    site.home.configure(site.world, { listen: [{ postfix: `unix:${place}/postfix.sock` }, { http: "127.0.0.1:0" }] });
    await site.start();
    expect(lstatSync(join(place, "postfix.sock")).mode & 0o777).toBe(0o660);
    const client = await SocketmapClient.open(join(place, "postfix.sock"));
    expect(await client.ask(`postfix ${domain}`)).toBe(secured(domain));
    client.socket.destroy();
    expect((await site.daemon.page("/metrics")).body).not.toContain(domain);
    await site.stop();
    for (const kind of ["postfix", "control"]) {
      site.home.configure(site.world, { listen: [{ [kind]: `unix:${folder}/link/postfix.sock` }] });
      const { code, stderr } = await mtaSts(["serve", "--config", site.home.config]);
      expect(code, stderr).toBe(3);
      expect(readdirSync(join(folder, "real"))).toEqual([]);
    }
    symlinkSync(join(folder, "victim"), join(place, "postfix.sock"));
    site.home.configure(site.world, { listen: [{ postfix: `unix:${place}/postfix.sock` }] });
    const { code } = await mtaSts(["serve", "--config", site.home.config]);
    expect(code).toBe(3);
    expect(existsSync(join(folder, "victim"))).toBe(false);
    rmSync(place, { recursive: true });
    site.home.configure(site.world);
    await site.start();
  });

  it("A-53 a next-hop in brackets, an address literal, a port, a trailing dot, mixed case, U-label and 254-byte name are treated as documented (R-8461-3.4-05, R-BIND-PF-02)", async () => {
    const domain = "xn--mnchen-3ya.test";
    await site.world.domain(domain, { policy: { mode: "enforce", mx: [`mx.${domain}`], maxAge: 86_400 } });
    for (const key of [
      domain,
      `${domain}.`,
      domain.toUpperCase(),
      "münchen.test",
      "MÜNCHEN.test",
      `[${domain}]`,
      `${domain}:587`,
      `[${domain}]:587`,
    ])
      expect(await site.ask(key), key).toContain("secure match=");
    const long = `${"a.".repeat(126)}aa`;
    expect(long).toHaveLength(254);
    for (const key of ["[192.0.2.1]", "192.0.2.1", "[::1]", "[IPv6:2001:db8::1]", long, `.${domain}`, "", ".", "a..b"])
      expect(await site.ask(key), key).toMatch(/^NOTFOUND /);
  });
});

/** Writes until the peer takes no more. */
async function flood(socket: Socket, bytes: string): Promise<void> {
  while (!socket.destroyed) {
    if (!socket.write(bytes)) await Promise.race([once(socket, "drain"), once(socket, "close")]).catch(() => undefined);
    await new Promise(setImmediate);
  }
}

async function within(milliseconds: number, value: () => Promise<number>): Promise<void> {
  const end = performance.now() + milliseconds;
  while ((await value()) === 0) {
    if (performance.now() > end) throw new Error(`not within ${milliseconds} ms`);
    await new Promise((wake) => setTimeout(wake, 200));
  }
}
