import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { connect } from "node:tls";
import { AuthorityInfoAccessExtension, ExtendedKeyUsage } from "@peculiar/x509";
import { beforeAll, describe, expect, it } from "vitest";
import type { PolicyFetch } from "../../../host/https/types.ts";
import { type Credentials, dnsNames, type LeafOptions, selfSignedLeaf, TestAuthority } from "./certificates.ts";
import { fetchOnce, resolverOf } from "./fetcher.ts";
import { answerWith, type PolicyServer, response, type ServerOptions, startPolicyServer } from "./policy-server.ts";

const HOST = "mta-sts.example.com";
const DAY = 86_400_000;
const RSA_1024 = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 1024,
  publicExponent: new Uint8Array([1, 0, 1]),
};

let authority: TestAuthority;
let good: Credentials;

beforeAll(async () => {
  authority = await TestAuthority.create();
  good = await authority.leaf({ names: dnsNames(HOST) });
});

interface Outcome {
  readonly result: PolicyFetch;
  readonly server: PolicyServer;
}

/** One fetch from a server that would hand out a valid policy. */
async function fetchFrom(options: Partial<ServerOptions>, domain = "example.com"): Promise<Outcome> {
  const server = await startPolicyServer({ credentials: good, respond: answerWith(response()), ...options });
  try {
    return { result: await fetchOnce({ caPem: authority.rootPem, dialPort: server.port }, domain), server };
  } finally {
    await server.close();
  }
}

function expectRefusal({ result, server }: Outcome, failure: string, detail: RegExp): void {
  expect(result).toEqual({ ok: false, failure, detail: expect.stringMatching(detail) });
  expect((result as { detail: string }).detail).toMatch(/^[\x20-\x7e]{1,200}$/);
  expect(server.requests).toEqual([]);
}

describe("the certificate of the policy host", () => {
  const accepted: readonly (readonly [what: string, leaf: LeafOptions])[] = [
    ["names the policy host", { names: dnsNames(HOST) }],
    ["names it in another case", { names: dnsNames("MTA-STS.Example.COM") }],
    ["names it among others", { names: dnsNames("www.example.com", "m*.example.com", HOST) }],
    ["has a wildcard as the whole left-most label (R-8461-3.3-03)", { names: dnsNames("*.example.com") }],
    ["has somebody else as CN", { commonName: "www.example.net", names: dnsNames(HOST) }],
  ];
  it.each(accepted)("is accepted when it %s and chains to the trusted root (R-8461-3.3-01)", async (_what, leaf) => {
    const { result } = await fetchFrom({ credentials: await authority.leaf(leaf) });
    expect(result).toMatchObject({ ok: true });
  });

  const refused: readonly (readonly [what: string, leaf: LeafOptions, detail: RegExp])[] = [
    ["has expired", { names: dnsNames(HOST), notBefore: ago(9), notAfter: ago(1) }, /CERT_HAS_EXPIRED/],
    ["is not yet valid", { names: dnsNames(HOST), notBefore: ago(-1), notAfter: ago(-9) }, /CERT_NOT_YET_VALID/],
    ["names only the Policy Domain", { names: dnsNames("example.com") }, /it names example\.com$/],
    ["names the hosting provider", { names: dnsNames("cdn.provider.example") }, /it names cdn\.provider\.example$/],
    ["comes without its intermediate", { names: dnsNames(HOST), withoutIntermediate: true }, /UNABLE_TO_VERIFY_LEAF/],
    ["is for clients only", { names: dnsNames(HOST), usage: ExtendedKeyUsage.clientAuth }, /INVALID_PURPOSE/],
  ];
  it.each(refused)("is refused when it %s (R-8461-3.3-01)", async (_what, leaf, detail) => {
    expectRefusal(await fetchFrom({ credentials: await authority.leaf(leaf) }), "certificate", detail);
  });

  it("is refused when its key has 1024 bits (R-8461-3.3-23)", async () => {
    const credentials = await authority.leaf({ names: dnsNames(HOST), keys: RSA_1024 });
    const outcome = await fetchFrom({ credentials, tls: { ciphers: "ALL:@SECLEVEL=0" } });
    expectRefusal(outcome, "certificate", /EE certificate key too weak/);
  });

  it("is refused when it signs itself (R-8461-3.3-01)", async () => {
    const credentials = await selfSignedLeaf(dnsNames(HOST));
    expectRefusal(await fetchFrom({ credentials }), "certificate", /self-signed certificate \(DEPTH_ZERO_SELF_SIGNED/);
  });

  it("is refused when another authority of the same name signed it (R-8461-3.3-01)", async () => {
    const stranger = await TestAuthority.create();
    const credentials = await stranger.leaf({ names: dnsNames(HOST) });
    expectRefusal(await fetchFrom({ credentials }), "certificate", /is not trusted/);
  });

  const noDnsName: readonly (readonly [what: string, leaf: LeafOptions])[] = [
    ["its CN", { commonName: HOST }],
    ["its CN, beside an IP SAN", { commonName: HOST, names: [{ type: "ip", value: "127.0.0.1" }] }],
    ["its CN, beside an e-mail SAN", { commonName: HOST, names: [{ type: "email", value: "a@example.com" }] }],
    ["an IP SAN, the very address dialled", { names: [{ type: "ip", value: "127.0.0.1" }] }],
    ["a URI SAN", { names: [{ type: "url", value: `https://${HOST}/` }] }],
  ];
  it.each(noDnsName)("is refused when it names the policy host only in %s (R-8461-3.3-02)", async (_what, leaf) => {
    const outcome = await fetchFrom({ credentials: await authority.leaf(leaf) });
    expectRefusal(outcome, "certificate", /no DNS name in its subjectAltName/);
  });

  it.each([
    ["mta-*.example.com"],
    ["*-sts.example.com"],
    ["m*.example.com"],
    ["mta-sts.*.com"],
    ["*.com"],
    ["*.*.com"],
    ["*"],
    ["*.mta-sts.example.com"],
    ["example.net, DNS:mta-sts.example.com"],
    ["mta-sts.example.com\0.example.net"],
  ])("is refused when the only name is %j (R-8461-3.3-03)", async (name) => {
    const outcome = await fetchFrom({ credentials: await authority.leaf({ names: dnsNames(name) }) });
    expectRefusal(outcome, "certificate", /is not for mta-sts\.example\.com/);
  });

  it("must name the user's policy host also where DNS aliases lead to a provider (R-8461-3.1-25)", async () => {
    const credentials = await authority.leaf({ names: dnsNames("mta-sts.provider.example") });
    const outcome = await fetchFrom({ credentials }, "user.example");
    expectRefusal(outcome, "certificate", /is not for mta-sts\.user\.example: it names mta-sts\.provider\.example/);
    expect(outcome.server.serverNames).toEqual(["mta-sts.user.example"]);
  });

  it("is not looked up at an OCSP responder, so that none can hold the fetch up (R-8461-3.3-05)", async () => {
    const responder = createServer().listen(0, "127.0.0.1");
    await once(responder, "listening");
    let asked = 0;
    responder.on("connection", () => {
      asked += 1;
    });
    const { port } = responder.address() as AddressInfo;
    const access = new AuthorityInfoAccessExtension({ ocsp: `http://127.0.0.1:${port}/` });
    const { result } = await fetchFrom({
      credentials: await authority.leaf({ names: dnsNames(HOST), more: [access] }),
    });
    expect(result).toMatchObject({ ok: true });
    expect(asked).toBe(0);
    responder.close();
  });

  it("is reported with its SHA-256 fingerprint, so that a policy can be traced to it", async () => {
    const { result } = await fetchFrom({});
    const expected = new X509Certificate(good.cert).fingerprint256.replaceAll(":", "").toLowerCase();
    expect(result).toMatchObject({ ok: true, peer: { address: "127.0.0.1", certificateFingerprint: expected } });
  });
});

describe("the TLS connection to the policy host", () => {
  it.each([["TLSv1.2"], ["TLSv1.3"]] as const)("may be %s (R-8461-3.3-23, R-8461-7.2-01)", async (version) => {
    const { result } = await fetchFrom({ tls: { minVersion: version, maxVersion: version } });
    expect(result).toMatchObject({ ok: true, peer: { tlsVersion: version } });
  });

  it.each([["TLSv1"], ["TLSv1.1"]] as const)(
    "is refused below TLS 1.2: %s (R-8461-3.3-23, R-8461-7.2-01)",
    async (version) => {
      const tls = { minVersion: version, maxVersion: version, ciphers: "ALL:@SECLEVEL=0" };
      expectRefusal(
        await fetchFrom({ tls }),
        "tls",
        /TLS handshake with mta-sts\.example\.com \[127\.0\.0\.1\] failed/,
      );

      // The server is not at fault: a client without the rule does reach it.
      const server = await startPolicyServer({ credentials: good, tls });
      const lax = connect({
        port: server.port,
        rejectUnauthorized: false,
        minVersion: "TLSv1",
        ciphers: "ALL:@SECLEVEL=0",
      });
      await once(lax, "secureConnect");
      expect(lax.getProtocol()).toBe(version);
      lax.destroy();
      await server.close();
    },
  );

  it("carries the policy host name as SNI, though an address is dialled (R-8461-3.3-04)", async () => {
    const { result, server } = await fetchFrom({}, "EXAMPLE.com");
    expect(result).toMatchObject({ ok: true });
    expect(server.serverNames).toEqual([HOST]);
  });

  it("offers http/1.1 and nothing else by ALPN, and bears a server that ignores ALPN", async () => {
    const both = await fetchFrom({ alpn: ["h2", "http/1.1"] });
    expect(both.result).toMatchObject({ ok: true });
    expect(both.server.alpnProtocols).toEqual(["http/1.1"]);
    const silent = await fetchFrom({ alpn: [] });
    expect(silent.result).toMatchObject({ ok: true });
    expect(silent.server.alpnProtocols).toEqual([false]);
  });

  it.each([["h2"], ["smtp"], ["ftp"]])("fails with a server whose only ALPN protocol is %s", async (protocol) => {
    expectRefusal(await fetchFrom({ alpn: [protocol] }), "tls", /NO_APPLICATION_PROTOCOL/);
  });

  it("fails with a server that speaks no TLS, and says so", async () => {
    const server = createServer((tcp) => tcp.end("HTTP/1.1 200 OK\r\n\r\n")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const result = await fetchOnce({ caPem: authority.rootPem, dialPort: port });
    expect(result).toMatchObject({ ok: false, failure: "tls", detail: expect.stringMatching(/WRONG_VERSION_NUMBER/) });
    server.close();
  });

  it("fails when it is closed during the handshake, and says so", async () => {
    const server = createServer((tcp) => tcp.once("data", () => tcp.end())).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const result = await fetchOnce({ caPem: authority.rootPem, dialPort: port });
    expect(result).toMatchObject({ ok: false, failure: "tls", detail: expect.stringMatching(/failed: ECONNRESET$/) });
    server.close();
  });

  it("trusts exactly the roots it was given: without them the same server is refused", async () => {
    const server = await startPolicyServer({ credentials: good, respond: answerWith(response()) });
    const stranger = await TestAuthority.create("Other Root");
    const refusedResult = await fetchOnce({ caPem: stranger.rootPem, dialPort: server.port });
    expect(refusedResult).toMatchObject({ ok: false, failure: "certificate" });
    const both = await fetchOnce({
      caPem: `# two roots\n${stranger.rootPem}\n${authority.rootPem}`,
      dialPort: server.port,
      dns: resolverOf("127.0.0.1"),
    });
    expect(both).toMatchObject({ ok: true });
    await server.close();
  });
});

function ago(days: number): Date {
  return new Date(Date.now() - days * DAY);
}
