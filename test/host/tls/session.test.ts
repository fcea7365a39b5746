import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { loadCore } from "../../../host/core/load.ts";
import { chainTo } from "../../../host/tls/chain.ts";
import { peerChain, type SessionFacts, sessionFacts } from "../../../host/tls/session.ts";
import { certificatesOf, pkixTrust } from "../../../host/tls/trust.ts";
import { type Credentials, dnsNames, selfSignedLeaf, TestAuthority } from "../https/certificates.ts";

// Every fact is read off a real session with a real TLS server.

const HOST = "mx.example.com";
const DAY = 86_400_000;
let ours: TestAuthority;
let other: TestAuthority;

beforeAll(async () => {
  ours = await TestAuthority.create("Ours");
  other = await TestAuthority.create("Other");
});

async function inSession<T>(server: TlsOptions, trustPem: string, use: (socket: TLSSocket) => T): Promise<T> {
  const listening = createServer(server, (socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  const secureContext = pkixTrust(trustPem);
  const socket = connect({ host: "127.0.0.1", port, servername: HOST, secureContext, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return use(socket);
  } finally {
    socket.destroy();
    listening.close();
  }
}
const factsOf = (credentials: Credentials, server: TlsOptions = {}): Promise<SessionFacts> =>
  inSession({ ...credentials, ...server }, ours.rootPem, sessionFacts);

describe("the facts of a session", () => {
  it("are version, chain and DNS names of a good one", async () => {
    expect(await factsOf(await ours.leaf({ names: dnsNames("MX.example.com", "*.example.net") }))).toEqual({
      tlsVersion: 0x0304,
      chain: "valid",
      names: ["mx.example.com", "*.example.net"],
    });
    const old = await factsOf(await ours.leaf({ names: dnsNames(HOST) }), { maxVersion: "TLSv1.2" });
    expect(old).toMatchObject({ tlsVersion: 0x0303, chain: "valid" });
  });

  it("say that the chain is valid when only the name is wrong: names are for the core to compare", async () => {
    expect(await factsOf(await ours.leaf({ names: dnsNames("other.example.com") }))).toMatchObject({ chain: "valid" });
  });

  it("never hold the common name (R-8461-4.2-04)", async () => {
    expect(await factsOf(await ours.leaf({ commonName: HOST }))).toMatchObject({ chain: "valid", names: [] });
  });

  it.each([
    ["expired", { notBefore: new Date(Date.now() - 3 * DAY), notAfter: new Date(Date.now() - DAY) }],
    ["not-yet-valid", { notBefore: new Date(Date.now() + DAY), notAfter: new Date(Date.now() + 3 * DAY) }],
    ["untrusted", { withoutIntermediate: true }],
  ] as const)("call a chain %s (R-8461-4.2-01, R-8461-4.2-02)", async (chain, options) => {
    expect(await factsOf(await ours.leaf({ names: dnsNames(HOST), ...options }))).toMatchObject({ chain });
  });

  it("call a chain of somebody else's untrusted (R-8461-4.2-02)", async () => {
    expect(await factsOf(await other.leaf({ names: dnsNames(HOST) }))).toMatchObject({ chain: "untrusted" });
    expect(await factsOf(await selfSignedLeaf(dnsNames(HOST)))).toMatchObject({ chain: "untrusted" });
  });

  it("are those of the peer however often they are asked for, and never its issuer's", async () => {
    const credentials = await ours.leaf({ names: dnsNames(HOST) });
    await inSession(credentials, ours.rootPem, (socket) => {
      const first = sessionFacts(socket);
      // The root comes from the session's own trust.
      expect(peerChain(socket).map(({ ca }) => ca)).toEqual([false, true, true]);
      expect(sessionFacts(socket)).toEqual(first);
      expect(first.names).toEqual([HOST]);
    });
  });

  it("are what the core judges by", async () => {
    const core = await loadCore();
    const policy = new TextEncoder().encode(`version: STSv1\nmode: enforce\nmx: ${HOST}\nmax_age: 86400\n`);
    const [entry] = core.plan({ decision: { verdict: "policy", policy }, hosts: [HOST] });
    if (entry === undefined) throw new Error("no plan");
    const judge = (facts: SessionFacts) => core.judge({ entry, session: "tls", ...facts, last: false });
    expect(judge(await factsOf(await ours.leaf({ names: dnsNames(HOST) })))).toMatchObject({ verdict: "deliver" });
    expect(judge(await factsOf(await ours.leaf({ commonName: HOST })))).toMatchObject({
      verdict: "next-host",
      resultType: "certificate-host-mismatch",
    });
    expect(judge(await factsOf(await other.leaf({ names: dnsNames(HOST) })))).toMatchObject({
      verdict: "next-host",
      resultType: "certificate-not-trusted",
    });
  });
});

describe("the second opinion on a chain", () => {
  const opinion = (credentials: Credentials, anchors: string, now?: number) =>
    inSession(credentials, other.rootPem, (socket) =>
      chainTo(
        certificatesOf(anchors).map((pem) => new X509Certificate(pem)),
        peerChain(socket),
        now,
      ),
    );

  it("finds the way from the leaf over the intermediate to an anchor", async () => {
    const leaf = await ours.leaf({ names: dnsNames(HOST) });
    expect(await opinion(leaf, ours.rootPem)).toBe("valid");
    expect(await opinion(leaf, `${other.rootPem}\n${ours.rootPem}`)).toBe("valid");
  });

  it("finds none to somebody else's anchor, or over a gap", async () => {
    expect(await opinion(await ours.leaf({ names: dnsNames(HOST) }), other.rootPem)).toBe("untrusted");
    const gap = await ours.leaf({ names: dnsNames(HOST), withoutIntermediate: true });
    expect(await opinion(gap, ours.rootPem)).toBe("untrusted");
  });

  it("takes a leaf that is an anchor itself, and no other self-signed one", async () => {
    const self = await selfSignedLeaf(dnsNames(HOST));
    expect(await opinion(self, self.cert)).toBe("valid");
    expect(await opinion(self, ours.rootPem)).toBe("untrusted");
  });

  it("minds the dates", async () => {
    const leaf = await ours.leaf({ names: dnsNames(HOST) });
    expect(await opinion(leaf, ours.rootPem, Date.now() + 36_500 * DAY)).toBe("expired");
    expect(await opinion(leaf, ours.rootPem, Date.now() - 36_500 * DAY)).toBe("not-yet-valid");
  });

  it("takes nobody for an issuer who has signed nothing, and nothing for a chain", async () => {
    const pair = await Promise.all([ours.leaf({ names: dnsNames(HOST) }), other.leaf({ names: dnsNames(HOST) })]);
    const [first, second] = pair.map(({ cert }) => new X509Certificate(cert));
    if (!first || !second) throw new Error("no certificates");
    expect(chainTo([second], [first])).toBe("untrusted");
    expect(chainTo([], [first, second])).toBe("untrusted");
    expect(chainTo([], [])).toBe("no-certificate");
  });
});

describe("trust anchors", () => {
  it("of one domain stand beside the others, in one context", async () => {
    const trust = pkixTrust(ours.rootPem, other.rootPem);
    for (const authority of [ours, other]) {
      const credentials = await authority.leaf({ names: dnsNames(HOST) });
      const server = createServer(credentials).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: "127.0.0.1", port, servername: HOST, secureContext: trust });
      await once(socket, "secureConnect");
      expect(socket.authorized).toBe(true);
      socket.destroy();
      server.close();
    }
  });

  it("of a domain that hold no certificate are said to hold none", () => {
    expect(() => pkixTrust(undefined, "nothing")).toThrow(/holds no PEM certificate/);
  });
});
