import { afterEach, describe, expect, it } from "vitest";
import { adTrust, createDnsClient } from "../../../host/dns/client.ts";
import { parseServer } from "../../../host/dns/server.ts";
import type { DnsClient } from "../../../host/dns/types.ts";
import { a, aaaa, cname, FLAGS, soa, txt } from "./message-builder.ts";
import { type Reply, type Script, ScriptedServer } from "./scripted-server.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function server(script: Script, address?: string): Promise<ScriptedServer> {
  const started = await ScriptedServer.start(script, address);
  cleanups.push(() => started.stop());
  return started;
}

function client(servers: ScriptedServer[], trustAd?: string[]): DnsClient {
  const made = createDnsClient({ servers: servers.map((one) => one.text), attempts: 1, trustAd });
  cleanups.push(() => made.close());
  return made;
}

const NAME = "a.example";
const answer = txt(NAME, 60, "x");
const AD = FLAGS.authentic;

describe("the AD bit", () => {
  it.each<[string, Reply, object]>([
    ["of records", { flags: AD, answers: [answer] }, { kind: "records", secure: true }],
    ["missing on records", { answers: [answer] }, { kind: "records", secure: false }],
    ["of a denial", { flags: AD, rcode: 3, authority: [soa("example", 60, 60)] }, { kind: "none", secure: true }],
    ["missing on a denial", { rcode: 3, authority: [soa("example", 60, 60)] }, { kind: "none", secure: false }],
    ["missing on an empty answer", { authority: [soa("example", 60, 60)] }, { kind: "none", secure: false }],
  ])(
    "%s from the resolver on this machine is the status of the answer, and insecure is no error (R-7672-2.1.1-03)",
    async (_what, reply, outcome) => {
      const dns = await server(() => reply);
      expect(await client([dns]).txt(NAME)).toMatchObject(outcome);
    },
  );

  it("does not heal a SERVFAIL, which is what a validator says of forged data (R-7672-2.1.1-01)", async () => {
    const dns = await server(() => ({ flags: AD, rcode: 2, answers: [answer] }));
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "failed", reason: "servfail" });
  });

  it("reaches the caller as the status of every answer, since the query asks for it (R-7672-2.1.1-01)", async () => {
    const dns = await server(({ bytes }) => ({
      flags: (bytes.readUInt16BE(2) & 0x20) === 0 ? FLAGS.answer : AD,
      answers: [answer],
    }));
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "records", secure: true });
  });

  it("counts only from the resolvers named (R-7672-2.1.1-02)", async () => {
    const dns = await server(() => ({ flags: AD, answers: [answer] }));
    expect(await client([dns], []).txt(NAME)).toMatchObject({ kind: "records", secure: false });
    expect(await client([dns], ["127.0.0.2"]).txt(NAME)).toMatchObject({ kind: "records", secure: false });
    expect(await client([dns], ["127.0.0.1"]).txt(NAME)).toMatchObject({ kind: "records", secure: true });
  });

  it("is asked of nobody else where only trusted resolvers will do: their failure is not made insecure by another's answer (R-7672-2.1.1-02)", async () => {
    const trusted = await server(() => ({ rcode: 2 }));
    const other = await server(() => ({ answers: [answer] }), "127.0.0.2");
    const ask = (trustAd: string[], onlyTrusted: boolean) => {
      const made = createDnsClient({ servers: [trusted.text, other.text], attempts: 1, trustAd, onlyTrusted });
      cleanups.push(() => made.close());
      return made.txt(NAME);
    };
    expect(await ask(["127.0.0.1"], true)).toMatchObject({ kind: "failed", reason: "servfail" });
    expect(other.queries).toEqual([]);
    expect(await ask(["127.0.0.2"], true)).toMatchObject({ kind: "records" });
    expect(await ask([], true)).toMatchObject({
      kind: "failed",
      detail: expect.stringContaining("no resolver to ask"),
    });
  });

  it.each([
    ["127.0.0.1", true],
    ["127.0.0.53", true],
    ["127.0.0.1:5353", true],
    ["::1", true],
    ["[0:0:0:0:0:0:0:1]:53", true],
    ["8.8.8.8", false],
    ["10.0.0.1", false],
    ["192.168.1.1", false],
    ["128.0.0.1", false],
    ["::ffff:127.0.0.1", false],
    ["::2", false],
    ["fe80::1%eth0", false],
  ])("of %s counts by default: %s (R-7672-2.1.1-02)", (text, trusted) => {
    const dns = parseServer(text);
    expect(dns !== null && adTrust(undefined)(dns)).toBe(trusted);
  });

  it("of a configured address counts however it is spelt", () => {
    const trusts = adTrust(["2001:DB8:0::1", "192.0.2.1:53"]);
    const trusted = ["2001:db8::1", "[2001:db8:0:0::1]:5353", "192.0.2.1:5353", "192.0.2.2", "2001:db8::2"].map(
      (text) => {
        const dns = parseServer(text);
        return dns !== null && trusts(dns);
      },
    );
    expect(trusted).toEqual([true, true, true, false, false]);
  });
});

describe("a chain of aliases", () => {
  const first = { answers: [cname(NAME, 60, "b.example")] };
  const second = { answers: [cname("b.example", 60, "c.example")] };
  const last = { answers: [txt("c.example", 60, "x")] };

  it.each([
    [[true, true, true], true],
    [[true, false, true], false],
    [[false, true, true], false],
    [[true, true, false], false],
  ])("whose links are secure as %j is secure: %s (R-7672-2.1.3-01)", async (links, secure) => {
    const hops = [first, second, last];
    const names = [NAME, "b.example", "c.example"];
    const dns = await server(({ name }) => {
      const hop = names.indexOf(name);
      return { ...hops[hop], flags: links[hop] ? AD : FLAGS.answer };
    });
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "records", secure });
    expect(dns.queries).toHaveLength(3);
  });

  it("that ends in a secure denial after an insecure link is insecure (R-7672-2.1.3-01)", async () => {
    const dns = await server(({ name }) => (name === NAME ? first : { flags: AD, rcode: 3 }));
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "none", secure: false });
  });
});

describe("addresses", () => {
  it.each([
    [AD, AD, true],
    [AD, FLAGS.answer, false],
    [FLAGS.answer, AD, false],
  ])("are secure when both families are (%i, %i: %s)", async (flagsA, flagsAaaa, secure) => {
    const dns = await server(({ type }) =>
      type === "A"
        ? { flags: flagsA, answers: [a(NAME, 60, "192.0.2.1")] }
        : { flags: flagsAaaa, answers: [aaaa(NAME, 60, `${"00".repeat(15)}02`)] },
    );
    expect(await client([dns]).addresses(NAME)).toMatchObject({ kind: "records", secure });
  });
});

describe("a SERVFAIL of a trusted resolver", () => {
  it("is not answered over by one that is trusted less: it may hide forged data (R-7672-2.1.1-01)", async () => {
    const validator = await server(() => ({ rcode: 2 }));
    const anyone = await server(() => ({ answers: [answer] }), "127.0.0.2");
    const outcome = await client([validator, anyone], ["127.0.0.1"]).txt(NAME);
    expect(outcome).toMatchObject({ kind: "failed", reason: "servfail" });
    expect(anyone.queries).toEqual([]);
  });

  it("is put to the next trusted one", async () => {
    const validator = await server(() => ({ rcode: 2 }));
    const other = await server(() => ({ flags: AD, answers: [answer] }), "127.0.0.2");
    expect(await client([validator, other]).txt(NAME)).toMatchObject({ kind: "records", secure: true });
  });
});
