import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import type { DnsClient, DnsOutcome } from "../../../host/dns/types.ts";
import { type Credentials, dnsNames, TestAuthority } from "./certificates.ts";
import { fetcherFor, fetchOnce, resolverOf } from "./fetcher.ts";
import { answerWith, response, startPolicyServer } from "./policy-server.ts";

let authority: TestAuthority;
let credentials: Credentials;

beforeAll(async () => {
  authority = await TestAuthority.create();
  credentials = await authority.leaf({ names: dnsNames("mta-sts.example.com") });
});

const goodServer = (address = "127.0.0.1", port = 0) =>
  startPolicyServer({ credentials, respond: answerWith(response()), address, port });

/** A port of 127.0.0.1 on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("the address dialled", () => {
  it.each([
    ["127.0.0.1", "loopback"],
    ["::1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["10.0.0.1", "private"],
    ["100.64.0.1", "carrier-grade NAT"],
    ["fd00:ec2::254", "unique local"],
    ["::ffff:127.0.0.1", "IPv4-mapped"],
    ["64:ff9b::7f00:1", "loopback 127.0.0.1 inside"],
  ])("is never %s by default, and the refusal says why (R-8461-3.3-21)", async (address, why) => {
    const server = await goodServer();
    const result = await fetchOnce({
      caPem: authority.rootPem,
      dialPort: server.port,
      allowPrivateAddresses: false,
      dns: resolverOf(address),
    });
    const detail = `no address of mta-sts.example.com may be dialled: ${address} (${why})`;
    expect(result).toEqual({ ok: false, failure: "address-forbidden", detail });
    expect(server.connections).toBe(0);
    await server.close();
  });

  it("is never one of the forbidden beside allowed ones (R-8461-3.3-21)", async () => {
    const server = await goodServer();
    const result = await fetchOnce({
      caPem: authority.rootPem,
      dialPort: server.port,
      dns: resolverOf("0.0.0.0", "::ffff:127.0.0.1", "localhost", "127.0.0.1"),
    });
    expect(result).toMatchObject({ ok: true, peer: { address: "127.0.0.1" } });
    await server.close();
  });

  it("is the one that was checked, though the name means another a moment later (R-8461-3.3-21)", async () => {
    const checked = await goodServer("127.0.0.1");
    const rebound = await goodServer("127.0.0.2", checked.port);
    const answers = ["127.0.0.1", "127.0.0.2", "127.0.0.2"];
    let asked = 0;
    const dns: Pick<DnsClient, "addresses"> = {
      addresses: async (): Promise<DnsOutcome<string>> => {
        const records = answers.slice(asked, asked + 1);
        asked += 1;
        return { kind: "records", records, ttl: 0, secure: false };
      },
    };
    const result = await fetchOnce({ caPem: authority.rootPem, dialPort: checked.port, dns });
    expect(result).toMatchObject({ ok: true, peer: { address: "127.0.0.1" } });
    expect([asked, checked.connections, rebound.connections]).toEqual([1, 1, 0]);
    await checked.close();
    await rebound.close();
  });

  it("belongs to mta-sts.<Policy Domain>, the only name that is looked up (R-8461-3.2-01, R-8461-3.1-25)", async () => {
    const server = await goodServer();
    const dns = resolverOf("127.0.0.1");
    await fetchOnce({ caPem: authority.rootPem, dialPort: server.port, dns }, "Example.COM");
    expect(dns.asked).toEqual(["mta-sts.example.com"]);
    await server.close();
  });

  it("is the next one when an address does not accept the connection", async () => {
    const server = await goodServer();
    const result = await fetchOnce({
      caPem: authority.rootPem,
      dialPort: server.port,
      dns: resolverOf("127.0.0.3", "127.0.0.4", "127.0.0.1"),
    });
    expect(result).toMatchObject({ ok: true, peer: { address: "127.0.0.1" } });
    await server.close();
  });

  it("is not the next one when a server answers and fails: one connection, one answer", async () => {
    const server = await goodServer("127.0.0.2");
    const wrong = await startPolicyServer({
      credentials: await authority.leaf({ names: dnsNames("www.example.com") }),
      address: "127.0.0.1",
      port: server.port,
    });
    const dns = resolverOf("127.0.0.1", "127.0.0.2");
    const result = await fetchOnce({ caPem: authority.rootPem, dialPort: server.port, dns });
    expect(result).toMatchObject({ ok: false, failure: "certificate" });
    expect([wrong.connections, server.connections]).toEqual([1, 0]);
    await wrong.close();
    await server.close();
  });

  it("alternates between the families, and six are tried at most", async () => {
    const result = await fetchOnce({
      caPem: authority.rootPem,
      dialPort: await deadPort(),
      dns: resolverOf("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7", "::1"),
    });
    expect(result).toMatchObject({ ok: false, failure: "connect" });
    const tried = (result as { detail: string }).detail.match(/(?:127\.0\.0\.[0-9]|::1)(?= )/g);
    expect(tried).toEqual(["127.0.0.1", "::1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]);
  });
});

describe("a policy host that cannot be reached", () => {
  it("for want of a listener is a connect failure that names each address", async () => {
    const result = await fetchOnce({ caPem: authority.rootPem, dialPort: await deadPort() });
    const detail = "no address of mta-sts.example.com accepts a connection: 127.0.0.1 ECONNREFUSED";
    expect(result).toEqual({ ok: false, failure: "connect", detail });
  });

  const outcomes: readonly (readonly [what: string, outcome: DnsOutcome<string>, detail: string])[] = [
    [
      "whose name does not exist",
      { kind: "none", reason: "nxdomain", ttl: 60, secure: false },
      "mta-sts.example.com has no address (nxdomain)",
    ],
    [
      "whose name has no address",
      { kind: "none", reason: "nodata", ttl: 60, secure: false },
      "mta-sts.example.com has no address (nodata)",
    ],
    [
      "with an empty answer",
      { kind: "records", records: [], ttl: 60, secure: false },
      "mta-sts.example.com has no address",
    ],
    [
      "whose lookup fails",
      { kind: "failed", reason: "servfail", detail: "192.0.2.53 answered SERVFAIL" },
      "the lookup of mta-sts.example.com failed: 192.0.2.53 answered SERVFAIL",
    ],
  ];
  it.each(outcomes)("%s is a dns failure", async (_what, outcome, detail) => {
    const dns: Pick<DnsClient, "addresses"> = { addresses: async () => outcome };
    expect(await fetchOnce({ caPem: authority.rootPem, dialPort: 1, dns })).toEqual({
      ok: false,
      failure: "dns",
      detail,
    });
  });

  it("because of a fault of this program is not dressed up as a network failure", async () => {
    const fault = new Error("bug");
    const dns: Pick<DnsClient, "addresses"> = { addresses: () => Promise.reject(fault) };
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: 1, dns });
    await expect(fetcher.fetch("example.com")).rejects.toBe(fault);
    await fetcher.close();
  });
});
