import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import type { PolicyBehaviour } from "../lab/policy-behaviour.ts";
import { bodyOf, enforce, eventually, NOTFOUND, Site, secured } from "./site.ts";

const TIMEOUT = 3_000;

describe("the policy host", () => {
  let site: Site;
  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    site = await Site.open();
    await site.stop();
    configure({ "allow-private-addresses": true });
    await site.start();
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
  });
  afterAll(() => site?.close());

  const configure = (https: Record<string, unknown>) =>
    site.home.configure(site.world, {
      https: { "ca-file": `${site.home.folder}/ca.pem`, timeout: `${TIMEOUT}ms`, ...https },
    });

  /** Asks for a domain whose policy host behaves so, and says why the fetch failed. */
  async function failedWith(behaviour: (domain: string) => PolicyBehaviour, what = ""): Promise<string> {
    const domain = site.newDomain();
    await site.world.domain(domain, { policy: enforce(domain), policyHost: { behaviour: behaviour(domain) } });
    expect(await site.ask(domain), what).toBe(NOTFOUND);
    return String((await site.event("fetch-failed", domain)).detail);
  }

  /** Octets the policy host could send on the one connection that was made. */
  async function sentTo(domain: string): Promise<number> {
    await eventually("the connection is closed", async () => {
      const seen = await site.world.connections(`mta-sts.${domain}`);
      return seen.length === 1 && seen[0]?.closed === true;
    });
    return (await site.world.connections(`mta-sts.${domain}`))[0]?.bytesSent ?? 0;
  }

  it("A-25 a redirect of any 3xx kind is a failed fetch, and no second connection is opened (R-8461-3.3-07)", async () => {
    const target = await site.unknown();
    for (const status of [300, 301, 302, 303, 304, 307, 308] as const) {
      const location = `https://mta-sts.${target}/.well-known/mta-sts.txt`;
      await failedWith(() => ({ kind: "redirect", status, location }), `${status}`);
      const domain = `d${Number(target.slice(1, -5)) + status}.test`;
      expect(await site.world.connections(`mta-sts.${domain}`)).toEqual([]);
    }
    expect(await site.world.connections(`mta-sts.${target}`)).toEqual([]);
    expect(await site.world.connections()).toHaveLength(7);
  });

  it("A-28 header trickle, body trickle, 103 flood and 1-byte chunks with 4 KB extensions all end at the total deadline (R-8461-3.3-13)", async () => {
    const trickles: Record<string, (domain: string) => PolicyBehaviour> = {
      headers: () => ({ kind: "slow-headers", every: 100 }),
      body: (domain) => ({ kind: "slow-body", body: bodyOf(domain), every: 200 }),
      "103": () => ({ kind: "early-hints-flood" }),
      extensions: (domain) => ({ kind: "tiny-chunks", body: bodyOf(domain), extension: 4096 }),
      silence: () => ({ kind: "silent" }),
    };
    const started = performance.now();
    const details = await Promise.all(Object.values(trickles).map((behaviour) => failedWith(behaviour)));
    const took = performance.now() - started;
    for (const detail of details) expect(detail).toMatch(/no complete answer|more than|octets/);
    expect(took, "milliseconds, well within twice the deadline").toBeLessThan(2 * TIMEOUT);
    await eventually("no flight is left", async () => (await site.metric("mta_sts_flights")) === 0);
  });

  it("A-29 more than 64 KiB of body, or more than 128 KiB on the wire, ends the fetch at once (R-8461-3.3-14)", async () => {
    const filled = (octets: number) => (domain: string) => `${bodyOf(domain)}${"x: y\n".repeat(Math.ceil(octets / 5))}`;
    const fits = site.newDomain();
    const whole = filled(60_000)(fits);
    await site.world.domain(fits, { policy: { raw: whole } });
    expect(await site.ask(fits)).toBe(secured(fits));
    await failedWith((domain) => ({ kind: "ok", body: filled(65_536)(domain) }));
    for (const behaviour of [
      { kind: "endless-body", framing: "chunked" },
      { kind: "endless-body", framing: "close" },
      { kind: "early-hints-flood" },
      { kind: "huge-headers", octets: 200_000, body: "" },
    ] as const) {
      await site.world.forgetSeen();
      const started = performance.now();
      await failedWith(() => behaviour, behaviour.kind);
      expect(performance.now() - started, `${behaviour.kind} ends before its deadline`).toBeLessThan(TIMEOUT);
      const [{ sni = "" } = {}] = await site.world.connections();
      // What the kernels hold between the two is beyond the daemon's say.
      expect(await sentTo(String(sni).slice("mta-sts.".length)), behaviour.kind).toBeLessThan(8 << 20);
    }
  });

  it("A-30 any Content-Encoding is refused; a gzip bomb costs no more than 64 KiB", async () => {
    await site.world.forgetSeen();
    await failedWith((domain) => ({ kind: "gzip", body: bodyOf(domain) }));
    await failedWith(() => ({ kind: "gzip", body: Buffer.alloc(50 << 20, "x") }));
    for (const coding of ["identity", "br", "deflate", "x-unknown"])
      await failedWith(
        (domain) => ({ kind: "ok", body: bodyOf(domain), headers: [["Content-Encoding", coding]] }),
        coding,
      );
    for (const { headers } of await site.world.requests())
      expect(headers["accept-encoding"] ?? "identity").toBe("identity");
  });

  it("A-31 a body cut by connection close without length, last chunk or close_notify is refused even if the text so far parses (R-8461-3.3-15)", async () => {
    await failedWith((domain) => ({ kind: "cut", body: bodyOf(domain), framing: "content-length" }));
    await failedWith((domain) => ({ kind: "cut", body: bodyOf(domain), framing: "chunked" }));
    const half = (domain: string) => bodyOf(domain).slice(0, -2); // a shorter max_age, which parses
    await failedWith((domain) => ({ kind: "cut", body: half(domain), framing: "content-length" }));
    // Without a length the TLS stream must be ended properly: this peer resets instead.
    const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";
    await failedWith((domain) => ({ kind: "raw", bytes: head + bodyOf(domain), close: "reset" }));
  });

  it("A-32 a 200 with text/html, a login page or a BOM is refused; the media type is compared without parameters (R-8461-3.2-03)", async () => {
    const served = async (behaviour: (domain: string) => PolicyBehaviour) => {
      const domain = site.newDomain();
      await site.world.domain(domain, { policy: enforce(domain), policyHost: { behaviour: behaviour(domain) } });
      return (await site.ask(domain)) === secured(domain);
    };
    const as = (contentType: string | null) => served((domain) => ({ kind: "ok", body: bodyOf(domain), contentType }));
    for (const type of ["text/html", "application/octet-stream", "text/plainx", "", null])
      expect(await as(type), String(type)).toBe(false);
    for (const type of ["text/plain; charset=utf-8", "Text/Plain", "text/plain;charset=US-ASCII;format=flowed"])
      expect(await as(type), type).toBe(true);
    expect(await served((domain) => ({ kind: "ok", body: `\ufeff${bodyOf(domain)}` }))).toBe(false);
    expect(await served((domain) => ({ kind: "ok", body: `<html><body>Log in, ${domain}</body></html>` }))).toBe(false);
  });

  it("A-33 HTTP caching headers are ignored (R-8461-3.3-08, R-8461-3.3-09)", async () => {
    const domain = site.newDomain();
    const headers = [
      ["Cache-Control", "max-age=31536000, immutable"],
      ["ETag", '"1"'],
      ["Expires", "Thu, 01 Jan 2099 00:00:00 GMT"],
      ["Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"],
    ] as const;
    await site.world.domain(domain, {
      policy: enforce(domain),
      policyHost: { behaviour: { kind: "ok", body: bodyOf(domain, 1000), headers } },
    });
    expect(await site.ask(domain)).toBe(secured(domain));
    expect((await site.held(domain))?.maxAge).toBe(1000);
    await site.world.setPolicy(domain, { mode: "none", maxAge: 500 });
    await site.world.setId(domain, "2");
    site.clock.pass(61);
    await site.ask(domain);
    await site.event("policy-weakened", domain);
    expect(await site.ask(domain)).toBe(NOTFOUND);
    const [first, second] = await site.world.requests(`mta-sts.${domain}`);
    expect(Object.keys(second?.headers ?? {})).toEqual(Object.keys(first?.headers ?? {}));
    for (const name of ["if-none-match", "if-modified-since"]) expect(second?.headers[name]).toBeUndefined();
  });

  it("A-34 mta-sts.<domain> resolving to loopback, RFC 1918, link-local 169.254.169.254, CGNAT, ULA, v4-mapped or NAT64 forms is not connected to, and the checked address is the one dialled (R-8461-3.3-21)", async () => {
    // The name means another address a moment later: the one that was looked at is the one that is dialled.
    const rebound = await site.unknown();
    const first = site.world.https.address;
    await site.world.setDns(`mta-sts.${rebound}`, "A", {
      sequence: [{ records: [first] }, { records: ["127.99.99.99"] }],
    });
    expect(await site.ask(rebound)).toBe(secured(rebound));
    expect(site.world.dns.count(`mta-sts.${rebound}`, "A")).toBe(1);

    await site.stop();
    configure({ "allow-private-addresses": false });
    await site.start();
    await site.world.forgetSeen();
    const here = site.world.https.address;
    const hex = here.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
    const mapped = `${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`;
    const forbidden = [
      here,
      "127.0.0.1",
      "10.1.2.3",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "0.0.0.0",
      "::1",
      "fd00::1",
      "fe80::1",
      `::ffff:${mapped}`,
      `64:ff9b::${mapped}`,
      `2002:${mapped}::1`,
    ];
    for (const address of forbidden) {
      const domain = await site.unknown({ policyHost: { dnsAddresses: [address] } });
      expect(await site.ask(domain), address).toBe(NOTFOUND);
      expect(String((await site.event("fetch-failed", domain)).detail), address).toContain("may be dialled");
    }
    expect(await site.world.connections()).toEqual([]);
    await site.stop();
    configure({ "allow-private-addresses": true });
    await site.start();
  });

  it("A-35 only port 443, GET, the fixed path; host from the A-label; no credentials, no cookies; SNI set (R-8461-3.2-01, R-8461-3.3-04)", async () => {
    const domain = "xn--bcher-kva.test";
    await site.world.domain(domain, { policy: { mode: "enforce", mx: [`mx.${domain}`], maxAge: 1000 } });
    await site.world.breakPolicyHost(domain, {
      behaviour: { kind: "ok", body: bodyOf(domain), headers: [["Set-Cookie", "id=1"]] },
    });
    expect(await site.ask("bücher.test")).toContain(`match=mx.${domain} `);
    await site.world.setId(domain, "2");
    site.clock.pass(61);
    await site.ask(domain);
    await site.world.waitForRequest(domain, 2);
    const seen = await site.world.requests(`mta-sts.${domain}`);
    expect(seen).toHaveLength(2);
    for (const request of seen) {
      expect(request).toMatchObject({
        method: "GET",
        path: "/.well-known/mta-sts.txt",
        httpVersion: "1.1",
        sni: `mta-sts.${domain}`,
      });
      expect(request.headers.host).toBe(`mta-sts.${domain}`);
      for (const name of ["cookie", "authorization", "referer", "proxy-authorization"])
        expect(request.headers[name]).toBeUndefined();
    }
    expect(createHash("sha256").update(JSON.stringify(seen[0]?.headers)).digest("hex")).toBe(
      createHash("sha256").update(JSON.stringify(seen[1]?.headers)).digest("hex"),
    );
  });
});
