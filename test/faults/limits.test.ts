import { once } from "node:events";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually, NOTFOUND, Site, secured } from "../attacks/site.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { frame, type SocketmapClient } from "../host/postfix/socketmap-client.ts";
import { recordFigures } from "./figures.ts";

const CGROUP = "/sys/fs/cgroup/memory";
const IDLE_MS = 100_000;

describe("limits", () => {
  let site: Site;
  let idle: SocketmapClient;
  let idleSince = 0;
  let known = "";
  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    site = await Site.open({ ttl: 300, clock: "true" });
    known = await site.known();
    idle = await site.daemon.postfix();
    expect(await idle.ask(`postfix ${known}`)).toBe(secured(known));
    idleSince = performance.now();
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
  });
  afterAll(() => site?.close());

  async function crowd(port: number, size: number): Promise<Socket[]> {
    const sockets = Array.from({ length: size }, () => connect(port, "127.0.0.1"));
    for (const socket of sockets) socket.on("error", () => undefined);
    await Promise.all(sockets.slice(0, 20).map((socket) => once(socket, "connect")));
    return sockets;
  }

  it("of 64 file descriptors: the daemon lives, says TEMP or nothing, and recovers when its clients go", async () => {
    const other = await Site.open({
      clock: "true",
      daemon: { command: ["sh", "-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath] },
    });
    const domain = await other.known();
    expect(other.daemon.proc("limits")).toMatch(/Max open files\s+64\s/);
    const sockets = await crowd(other.daemon.postfixPort, 200);
    const words = new Set<string>();
    for (const socket of sockets.slice(0, 60))
      socket.on("data", (bytes) => words.add(bytes.toString().replace(/^\d+:(\w+).*$/s, "$1")));
    for (const [i, socket] of sockets.slice(0, 60).entries())
      socket.write(frame(`postfix ${i % 2 ? domain : other.newDomain()}`));
    await eventually("somebody is answered", () => words.size > 0);
    await new Promise((wake) => setTimeout(wake, 3_000));
    for (const word of words) expect(["OK", "TEMP"], "no policy is never said out of need").toContain(word);
    for (const socket of sockets) socket.destroy();
    await eventually(
      "it answers as before",
      async () => (await other.ask(domain).catch(() => null)) === secured(domain),
    );
    await eventually("it learns as before", async () => {
      const fresh = await other.unknown();
      return (await other.ask(fresh).catch(() => null)) === secured(fresh);
    });
    expect(other.daemon.events("internal-error")).toEqual([]);
    await other.close();
  });

  it("of 128 MiB of memory: 5,000 unknown domains and 200 policies fit, and every answer is right", async (context) => {
    const group = `${CGROUP}/mta-sts-test-${process.pid}`;
    try {
      mkdirSync(group);
      writeFileSync(`${group}/memory.limit_in_bytes`, String(128 << 20));
    } catch {
      context.skip("this machine has no writable cgroup v1 memory controller");
    }
    const join = `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`;
    const other = await Site.open({ daemon: { command: ["sh", "-c", join, process.execPath] } });
    try {
      const held: string[] = [];
      for (let i = 0; i < 200; i++) held.push(await other.known());
      const client = await other.daemon.postfix();
      for (let i = 0; i < 5_000; i += 50) {
        for (let k = 0; k < 50; k++) client.send(frame(`postfix r${i + k}.random.test`));
        for (let k = 0; k < 50; k++) expect(await client.reply()).toBe(NOTFOUND);
      }
      for (const domain of held) expect(await other.ask(domain)).toBe(secured(domain));
      const peak = Number(readFileSync(`${group}/memory.max_usage_in_bytes`, "utf8")) / (1 << 20);
      recordFigures("128 MiB of memory", {
        policies: held.length,
        unknownDomains: 5_000,
        peakMiB: Math.round(peak),
        deaths: 0,
      });
    } finally {
      await other.close();
      rmdirSync(group);
    }
  });

  it("of patience: a client that never reads costs one bounded slot, and others do not wait for it", async () => {
    const large = site.newDomain();
    const pattern = (i: number) => `mx: ${`${"m".repeat(60)}.`.repeat(2)}${i}.${large}\n`;
    const patterns = Array.from({ length: 100 }, (_, i) => pattern(i)).join("");
    await site.world.domain(large, { policy: { raw: `version: STSv1\nmode: enforce\nmax_age: 86400\n${patterns}` } });
    const question = `postfix310 ${large}`;
    expect((await site.daemon.ask(question))?.length).toBeGreaterThan(30_000);
    const deaf: Socket[] = [];
    const addDeaf = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const socket = connect(site.daemon.postfixPort, "127.0.0.1");
        socket.on("error", () => undefined);
        await once(socket, "connect");
        socket.pause();
        socket.write(frame(question).repeat(400)); // more than ten megabytes of replies
        deaf.push(socket);
      }
      for (let i = 0; i < 50; i++) expect(await site.ask(known)).toBe(secured(known));
      await new Promise((wake) => setTimeout(wake, 1_000));
      return anonymousKiB(site);
    };
    const before = await addDeaf(10); // by then the heap is as large as this kind of work makes it
    const after = await addDeaf(30);
    const each = Math.round((after - before) / 30);
    expect(each, "KiB for each of them").toBeLessThan(1024);
    expect(JSON.parse((await site.daemon.page("/healthz")).body).connections).toBeLessThanOrEqual(42);
    recordFigures("clients that never read", { clients: 40, kibibytesEach: each });
    for (const socket of deaf) socket.destroy();
  });

  it("of silence: a connection that was idle for 100 s is still open and answers", { timeout: 200_000 }, async () => {
    await new Promise((wake) => setTimeout(wake, Math.max(0, idleSince + IDLE_MS - performance.now())));
    expect(await idle.ask(`postfix ${known}`)).toBe(secured(known));
    idle.socket.destroy();
  });
});

/** Private memory: mapped files and shared pages left out. */
function anonymousKiB(site: Site): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(site.daemon.proc("status"))?.[1]);
}
