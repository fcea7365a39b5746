import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mtaSts } from "../daemon/command.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import type { CertificateSpec } from "../lab/ca.ts";
import type { PolicyHostSpec } from "../lab/policy-host.ts";
import { bodyOf, enforce, NOTFOUND, Site, secured, WEEK } from "./site.ts";

describe("TLS to the policy host", () => {
  let site: Site;
  beforeAll(async () => {
    if (policyHostObstacle() === null) site = await Site.open();
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
  });
  afterAll(() => site?.close());

  async function failedWith(policyHost: PolicyHostSpec): Promise<string> {
    const domain = await site.unknown({ policyHost });
    expect(await site.ask(domain)).toBe(NOTFOUND);
    return String((await site.event("fetch-failed", domain)).detail);
  }

  it("A-26 expired, self-signed, wrong-name, CN-only, partial-wildcard, IP-SAN-only and untrusted-root certificates all fail the fetch (R-8461-3.3-01, R-8461-3.3-02)", async () => {
    const refused: readonly CertificateSpec[] = [
      ...(["expired", "not-yet-valid", "self-signed", "wrong-name", "cn-only"] as const),
      ...(["partial-wildcard", "ip-san", "other-ca", "missing-intermediate"] as const),
    ];
    for (const certificate of refused) {
      expect(await failedWith({ certificate }), String(certificate)).toContain("certificate");
      expect(await site.world.requests(), "no request is made").toEqual([]);
    }
    for (const certificate of ["good", "wildcard", "via-intermediate"] as const) {
      const domain = await site.unknown({ policyHost: { certificate } });
      expect(await site.ask(domain), certificate).toBe(secured(domain));
    }
    await site.world.forgetSeen();
  });

  it("A-27 NODE_TLS_REJECT_UNAUTHORIZED=0, NODE_EXTRA_CA_CERTS, NODE_OPTIONS and HTTPS_PROXY cannot weaken the fetch, or the daemon refuses to start (R-8461-3.3-10, R-8461-3.3-23)", async () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    const refused = await mtaSts(["serve", "--config", site.home.config], { env });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("NODE_TLS_REJECT_UNAUTHORIZED=0");

    const otherCa = join(site.home.folder, "other-ca.pem");
    writeFileSync(otherCa, site.world.ca.otherCaPem);
    let proxied = 0;
    const proxy = await listening(() => proxied++);
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as { port: number }).port}`;
    await site.restart({
      env: {
        ...site.clock.options.env,
        NODE_EXTRA_CA_CERTS: otherCa,
        SSL_CERT_FILE: otherCa,
        NODE_OPTIONS: "--tls-min-v1.0 --use-openssl-ca --tls-cipher-list=ALL:@SECLEVEL=0",
        ...{ HTTPS_PROXY: proxyUrl, https_proxy: proxyUrl, ALL_PROXY: proxyUrl, NODE_USE_ENV_PROXY: "1" },
      },
    });
    expect(await failedWith({ certificate: "other-ca" })).toContain("certificate");
    expect(await failedWith({ tls: "1.1" })).toContain("TLS");
    const domain = await site.unknown();
    expect(await site.ask(domain)).toBe(secured(domain));
    expect(proxied).toBe(0);
    proxy.close();
    await site.restart();
  });

  it("A-36 an SMTP or FTP server behind TLS on the policy address is refused: ALPN http/1.1 is offered and a banner is not an HTTP response", async () => {
    const smtp = await site.unknown({ policyHost: { tls: "smtp-banner" } });
    expect(await site.ask(smtp)).toBe(NOTFOUND);
    const [seen] = await site.world.connections(`mta-sts.${smtp}`);
    expect(seen?.alpnOffered).toEqual(["http/1.1"]);
    await failedWith({ alpn: ["smtp"] });
    await failedWith({ alpn: ["ftp"] });
    const banner = `220 ftp.test ready\r\n${bodyOf(smtp)}`;
    await failedWith({ behaviour: { kind: "raw", bytes: banner, close: true } });
    await failedWith({ tls: "plain" });
  });

  it("A-37 a dangling CNAME or expired hosting takeover serving `mode: none` with a valid certificate is accepted as the RFC requires, and raises an alarm with old and new digest", async () => {
    const domain = await site.known();
    const before = (await site.event("policy-new", domain)).digest;
    await site.world.setPolicy(domain, { mode: "none", maxAge: WEEK });
    await site.world.setId(domain, "takeover");
    site.clock.pass(61);
    await site.ask(domain);
    const alarm = await site.event("policy-weakened", domain);
    expect(alarm).toMatchObject({ level: "warn", mode: "none", id: "takeover", replaced: before });
    expect(alarm.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(alarm.digest).not.toBe(before);
    expect(await site.ask(domain)).toBe(NOTFOUND);
  });

  it("A-38 a mis-issued certificate can change a policy only through a new TXT id or refresh; the change is logged with certificate fingerprint for CT lookup", async () => {
    const domain = await site.known();
    const honest = (await site.event("policy-new", domain)).certificate;
    expect(honest).toMatch(/^[0-9a-f]{64}$/);
    // Somebody on the path has a certificate for the policy host, but says nothing in DNS: nobody looks.
    await site.world.domain(domain, { policy: { mode: "enforce", mx: ["mx.attacker.test"], maxAge: WEEK } });
    site.clock.pass(700);
    expect(await site.askAndLook(domain)).toBe(secured(domain));
    await site.settled();
    expect(site.gets(domain)).toBe(1);
    await site.world.setId(domain, "2");
    site.clock.pass(700);
    await site.ask(domain);
    const changed = await site.event("policy-changed", domain);
    expect(changed.certificate).toMatch(/^[0-9a-f]{64}$/);
    expect(changed.certificate).not.toBe(honest);
  });

  it("A-39 a brief takeover that sets max_age to a year with a foreign mx ends when the owner publishes a new id; recheck of TXT is not skipped because the policy is fresh", async () => {
    const domain = await site.unknown();
    await site.world.setPolicy(domain, { mode: "enforce", mx: ["mx.attacker.test"], maxAge: 31_557_600 });
    expect(await site.ask(domain)).toContain("secure match=mx.attacker.test ");
    await site.world.setPolicy(domain, enforce(domain));
    await site.world.setId(domain, "owner");
    site.clock.pass(61);
    await site.ask(domain);
    await site.daemon.event("policy-changed", (line) => line.domain === domain);
    expect(await site.ask(domain)).toBe(secured(domain));
  });
});

function listening(onConnection: () => void): Promise<Server> {
  const server = createServer((socket) => {
    onConnection();
    socket.destroy();
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
