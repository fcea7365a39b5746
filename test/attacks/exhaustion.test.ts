import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { control, policyHostObstacle } from "../daemon/daemon-process.ts";
import { frame, type SocketmapClient } from "../host/postfix/socketmap-client.ts";
import { DnsRelay } from "../lab/dns-relay.ts";
import { bodyOf, enforce, eventually, HOUR, NOTFOUND, ownAddress, Site, secured } from "./site.ts";

/** Ten million take an hour: ATTACK_DOMAINS=10000000. */
const RANDOM_DOMAINS = Number(process.env.ATTACK_DOMAINS ?? 5_000);
const KEPT = 20;

describe("exhaustion", () => {
  let site: Site;
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open();
  });
  afterEach(() => site?.close());

  /** Asks on one connection, 50 questions ahead; counts the replies by their first word. */
  async function flood(client: SocketmapClient, domains: Iterable<string>): Promise<Map<string, number>> {
    const words = new Map<string, number>();
    let ahead = 0;
    const hear = async () => {
      const [word = ""] = ((await client.reply()) ?? "closed").split(" ");
      words.set(word, (words.get(word) ?? 0) + 1);
      ahead--;
    };
    for (const domain of domains) {
      client.send(frame(`postfix ${domain}`));
      if (++ahead >= 50) await hear();
    }
    while (ahead > 0) await hear();
    return words;
  }

  function* randomDomains(count: number): Iterable<string> {
    for (let i = 0; i < count; i++) yield `${randomBytes(8).toString("hex")}.random.test`;
  }

  it("A-40 ten million random domains evict no enforce policy", { timeout: 7_200_000 }, async () => {
    const kept: string[] = [];
    for (let i = 0; i < KEPT; i++) kept.push(await site.known());
    const client = await site.daemon.postfix();
    const words = await flood(client, randomDomains(RANDOM_DOMAINS));
    expect(words.get("NOTFOUND")).toBe(RANDOM_DOMAINS);
    client.socket.destroy();
    await site.world.setDnsOutage({ answer: "nxdomain" });
    for (const domain of kept) expect(await site.ask(domain)).toBe(secured(domain));
    expect(await site.metric("mta_sts_cache_memory_domains")).toBeLessThanOrEqual(50_000);
    expect(await site.metric('mta_sts_policies{mode="enforce"}')).toBe(KEPT);
  });

  it("A-41 negative answers live only in a bounded memory table, keyed after length and syntax checks (R-8461-CSM-16)", async () => {
    const client = await site.daemon.postfix();
    await flood(client, randomDomains(300));
    expect(await site.metric('mta_sts_policies{mode="enforce"}')).toBe(0);
    const { body } = await control(site.home.control, "GET", "/v1/policies");
    expect(body).not.toContain("random.test");
    const before = (await site.world.queries()).length;
    const held = await site.metric("mta_sts_cache_memory_domains");
    const nonsense = [
      `${"a".repeat(64)}.test`,
      `${"a.".repeat(130)}test`,
      "a..test",
      "-",
      "a b.test",
      "\x00.test",
      "[::1]",
    ];
    for (const name of nonsense)
      expect(await client.ask(`postfix ${name}`), JSON.stringify(name)).toMatch(/^(NOTFOUND|PERM|TEMP)/);
    expect((await site.world.queries()).length, "nothing is asked for what is no name").toBe(before);
    expect(await site.metric("mta_sts_cache_memory_domains")).toBe(held);
    client.socket.destroy();
  });

  // DESIGN (AMB-17): once a minute and five times an hour for each domain, in place of once in five minutes.
  it("A-42 id churn (a new id on every query) causes at most one fetch per domain per minute and five per hour (R-8461-3.3-12)", async () => {
    const domain = await site.known();
    let id = 1;
    for (let second = 0; second < HOUR - 120; second += 61) {
      await site.world.setId(domain, `churn${++id}`);
      site.clock.pass(61);
      expect(await site.ask(domain)).toBe(secured(domain));
      await site.settled();
    }
    expect(id).toBeGreaterThan(50);
    expect(site.gets(domain)).toBeGreaterThan(1);
    expect(site.gets(domain)).toBeLessThanOrEqual(6);
    expect((await site.event("id-churn", domain)).level).toBe("warn");
  });

  it("A-43 one million domains CNAMEd to one slow host share one per-address limit and do not delay other hosts (R-8461-3.3-22)", async () => {
    const slow = ownAddress();
    const names = Array.from({ length: 100 }, () => site.newDomain());
    for (const name of names)
      await site.world.domain(name, {
        policy: enforce(name),
        policyHost: { address: slow, behaviour: { kind: "silent" } },
      });
    const clients = await Promise.all([site.daemon.postfix(), site.daemon.postfix()]);
    for (const [i, name] of names.entries()) clients[i % 2]?.send(frame(`postfix ${name}`));
    await site.world.waitForRequest(names[0] as string);
    await eventually("all slow fetches are under way", async () => (await site.metric("mta_sts_flights")) >= 90);
    const healthy = await site.unknown();
    const started = performance.now();
    expect(await site.ask(healthy)).toBe(secured(healthy));
    expect(performance.now() - started, "far less than the deadline of the slow ones").toBeLessThan(5_000);
    const connected = (await site.world.connections()).filter(({ sni }) => sni !== `mta-sts.${healthy}`);
    expect(connected.length).toBeLessThanOrEqual(16);
    for (const client of clients) client.socket.destroy();
  });

  it("A-44 a policy of 10,000 mx lines, 1,000 of them duplicates or 64 KB wide is answered below 100,000 characters or TEMP", async () => {
    const short = (count: number) =>
      Array.from({ length: count }, (_, i) => `mx: ${(i % (count - 1000)).toString(36)}.te\n`).join("");
    const wide = (domain: string) =>
      Array.from(
        { length: 240 },
        (_, i) => `mx: ${`${"m".repeat(60)}.`.repeat(3)}${"w".repeat(50)}${i}.${domain}\n`,
      ).join("");
    for (const lines of [() => short(5_000), wide, (domain: string) => `mx: *.${domain}\n`.repeat(3_000)]) {
      const domain = site.newDomain();
      const raw = `version: STSv1\nmode: enforce\nmax_age: 86400\n${lines(domain)}`;
      expect(raw.length).toBeLessThanOrEqual(65_536);
      await site.world.domain(domain, { policy: { raw } });
      for (const map of ["postfix", "postfix310", "sts"]) {
        const reply = await site.daemon.ask(`${map} ${domain}`);
        expect(reply?.length).toBeLessThan(100_000);
        expect(reply).toMatch(/^(OK secure|TEMP answer-too-long)/);
      }
    }
    const tooMany = site.newDomain();
    await site.world.domain(tooMany, {
      policy: { raw: `version: STSv1\nmode: enforce\nmax_age: 86400\n${short(10_000)}` },
    });
    expect(await site.ask(tooMany), "more than 64 KiB").toBe(NOTFOUND);
  });

  it("A-45 a thousand waiting lookups for one domain make one fetch, and its failure answers all of them (R-8461-3.3-22)", async () => {
    for (const [end, word] of [
      [{ kind: "ok", body: "" }, "OK"],
      [{ kind: "reset" }, "NOTFOUND"],
    ] as const) {
      const domain = site.newDomain();
      const next = end.kind === "ok" ? { ...end, body: bodyOf(domain) } : end;
      await site.world.domain(domain, { policy: enforce(domain), policyHost: { behaviour: { kind: "hold", next } } });
      const clients = await Promise.all(Array.from({ length: 20 }, () => site.daemon.postfix()));
      for (const client of clients) client.send(frame(`postfix ${domain}`).repeat(50));
      await site.world.waitForRequest(domain);
      await site.world.releasePolicyHost(domain);
      for (const client of clients)
        for (let i = 0; i < 50; i++) expect(((await client.reply()) ?? "").split(" ")[0]).toBe(word);
      expect(site.gets(domain)).toBe(1);
      expect(site.world.dns.count(`_mta-sts.${domain}`, "TXT")).toBe(1);
      for (const client of clients) client.socket.destroy();
    }
  });

  it("A-46 an overloaded daemon answers TEMP at once; it never queues past the deadline and never answers NOTFOUND from overload (R-BIND-PF-03)", async () => {
    const known = await site.known();
    const relay = await DnsRelay.listen(site.world.dns);
    relay.tamper = () => []; // every server is dead
    await site.stop();
    site.home.configure(site.world, {
      listen: [{ postfix: { address: "127.0.0.1:0", deadline: "10s" } }, { http: "127.0.0.1:0" }],
      dns: { servers: [relay.text], timeout: "5s" },
    });
    await site.start();
    const clients = await Promise.all(Array.from({ length: 40 }, () => site.daemon.postfix()));
    const started = performance.now();
    for (const client of clients) for (const domain of randomDomains(50)) client.send(frame(`postfix ${domain}`));
    await eventually(
      "it is overloaded",
      async () => (await site.metric('mta_sts_temp_total{reason="overloaded"}')) > 0,
    );
    const asked = performance.now();
    expect(await site.daemon.ask("postfix one-more.test")).toMatch(/^TEMP overloaded/);
    expect(performance.now() - asked, "at once").toBeLessThan(5_000);
    expect(await site.ask(known), "what is known costs no wait").toMatch(/^(OK secure|TEMP overloaded)/);
    const words = new Set<string>();
    for (const client of clients)
      for (let i = 0; i < 50; i++) words.add(((await client.reply()) ?? "closed").split(" ")[0] ?? "");
    expect([...words]).toEqual(["TEMP"]);
    expect(performance.now() - started, "milliseconds until the last was answered").toBeLessThan(25_000);
    for (const client of clients) client.socket.destroy();
    await relay.close();
  });
});
