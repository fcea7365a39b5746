import { afterEach, describe, expect, it } from "vitest";
import { createDnsClient, type DnsClientOptions } from "../../../host/dns/client.ts";
import type { DnsClient } from "../../../host/dns/types.ts";
import { a, aaaa, cname, FLAGS, mx, ns, record, soa, TYPES, txt, txtData, wireName } from "./message-builder.ts";
import { type Reply, type Script, ScriptedServer, silentPort } from "./scripted-server.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function server(script: Script | Record<string, Reply>): Promise<ScriptedServer> {
  const byQuestion: Script = (query) =>
    (script as Record<string, Reply>)[`${query.type} ${query.name}`] ?? { rcode: 3 };
  const started = await ScriptedServer.start(typeof script === "function" ? script : byQuestion);
  cleanups.push(() => started.stop());
  return started;
}

function client(servers: (ScriptedServer | string)[], options: DnsClientOptions = {}): DnsClient {
  const names = servers.map((one) => (typeof one === "string" ? one : one.text));
  const made = createDnsClient({ servers: names, timeoutMs: 2000, attempts: 1, ...options });
  cleanups.push(() => made.close());
  return made;
}

const NAME = "_mta-sts.user.example";
const V1 = txt(NAME, 300, "v=STSv1; id=1;");
const rdata = (...strings: string[]) => new Uint8Array(txtData(...strings));

describe("a TXT question", () => {
  it("asks for type TXT at exactly the name given, and never for a parent (R-8461-3.1-01, R-8461-3.4-04)", async () => {
    const dns = await server({});
    expect(await client([dns]).txt("_mta-sts.mail.example.com")).toMatchObject({ kind: "none", reason: "nxdomain" });
    expect(dns.asked).toEqual(["TXT _mta-sts.mail.example.com"]);
  });

  it("brings the strings of one record in wire order with their framing, and records apart (R-8461-3.1-02, R-8461-3.1-03)", async () => {
    const dns = await server({
      [`TXT ${NAME}`]: { answers: [txt(NAME, 60, "v=STSv1; i", "d=1;"), txt(NAME, 60, "v=spf1 -all")] },
    });
    const found = await client([dns]).txt(NAME);
    expect(found).toEqual({
      kind: "records",
      records: [rdata("v=STSv1; i", "d=1;"), rdata("v=spf1 -all")],
      ttl: 60,
      secure: false,
    });
  });

  it.each<[string, Reply, string, string]>([
    ["records", { answers: [V1] }, "records", ""],
    ["NXDOMAIN", { rcode: 3, authority: [soa("example", 60, 60)] }, "none", "nxdomain"],
    ["NODATA", { authority: [soa("example", 60, 60)] }, "none", "nodata"],
    ["NODATA of a recursive server without SOA", {}, "none", "nodata"],
    ["NODATA of an authoritative server without SOA", { flags: FLAGS.authoritative }, "none", "nodata"],
    ["SERVFAIL", { rcode: 2 }, "failed", "servfail"],
    ["REFUSED", { rcode: 5 }, "failed", "refused"],
    ["FORMERR", { rcode: 1 }, "failed", "rcode"],
    ["NOTIMP", { rcode: 4 }, "failed", "rcode"],
    ["YXDOMAIN", { rcode: 6 }, "failed", "rcode"],
    ["BADVERS", { additional: [record("", TYPES.OPT, 0x0100_0000, Buffer.alloc(0), 1232)] }, "failed", "rcode"],
    ["a referral", { flags: FLAGS.stub, authority: [ns("example", "ns.example")] }, "failed", "refused"],
    ["an upward referral", { flags: FLAGS.stub, authority: [ns("", "a.root-servers.example")] }, "failed", "refused"],
    [
      "an authoritative-looking referral",
      { flags: FLAGS.authoritative, authority: [ns("example", "ns.example")] },
      "failed",
      "refused",
    ],
    ["a lame empty answer", { flags: FLAGS.stub }, "failed", "refused"],
    ["a malformed answer", { answers: [record(NAME, TYPES.TXT, 1, Buffer.from([9]))] }, "failed", "malformed"],
    ["NXDOMAIN together with records", { rcode: 3, answers: [V1] }, "failed", "malformed"],
    [
      "two CNAMEs at one name",
      { answers: [cname(NAME, 1, "a.example"), cname(NAME, 1, "b.example")] },
      "failed",
      "malformed",
    ],
    ["a CNAME to itself", { answers: [cname(NAME, 1, NAME)] }, "failed", "cname-loop"],
  ])("answered with %s is kept apart from the other kinds (R-8461-3.1-26)", async (_what, reply, kind, reason) => {
    const dns = await server(() => reply);
    const outcome = await client([dns]).txt(NAME);
    expect(outcome.kind).toBe(kind);
    if (outcome.kind !== "records") expect(outcome.reason).toBe(reason);
    if (outcome.kind === "failed") expect(outcome.detail).toContain(`TXT ${NAME}: `);
    if (outcome.kind === "failed") expect(outcome.detail).toContain(dns.text);
  });

  it("counts records of other owners for nothing and equal RDATA once (R-8461-3.1-27)", async () => {
    const answers = [
      V1,
      V1,
      txt("_MTA-STS.user.example", 300, "v=STSv1; id=1;"),
      txt("_mta-sts.other.example", 1, "v=STSv1; id=2;"),
      txt("user.example", 1, "v=STSv1; id=3;"),
    ];
    const dns = await server(() => ({ answers }));
    expect(await client([dns]).txt(NAME)).toMatchObject({ records: [rdata("v=STSv1; id=1;")], ttl: 300 });
  });

  it("does not take records of an alias it passed, or of another class, for the answer (R-8461-3.1-27)", async () => {
    const answers = [
      cname(NAME, 60, "b.example"),
      txt("b.example", 60, "v=STSv1; id=9;"),
      record("b.example", TYPES.TXT, 1, txtData("v=STSv1; id=8;"), 3),
    ];
    const dns = await server(() => ({ answers }));
    expect(await client([dns]).txt(NAME)).toMatchObject({ records: [rdata("v=STSv1; id=9;")], ttl: 60 });
  });
});

describe("a CNAME", () => {
  const provider = "_mta-sts.provider.example";
  const nine = txt(provider, 300, "v=STSv1; id=9;");

  it.each<[string, Record<string, Reply>, string[]]>([
    ["in the same answer", { [`TXT ${NAME}`]: { answers: [nine, cname(NAME, 300, provider)] } }, []],
    [
      "by a further query",
      { [`TXT ${NAME}`]: { answers: [cname(NAME, 300, provider)] }, [`TXT ${provider}`]: { answers: [nine] } },
      [provider],
    ],
    [
      "through two hops in one answer",
      { [`TXT ${NAME}`]: { answers: [cname(NAME, 300, "hop.example"), cname("HOP.example", 300, provider), nine] } },
      [],
    ],
    [
      "through two hops in three answers",
      {
        [`TXT ${NAME}`]: { answers: [cname(NAME, 300, "hop.example")] },
        "TXT hop.example": { answers: [cname("hop.example", 300, provider)] },
        [`TXT ${provider}`]: { answers: [nine] },
      },
      ["hop.example", provider],
    ],
    [
      "past the SOA of a zone that does not hold its target",
      {
        [`TXT ${NAME}`]: {
          flags: FLAGS.authoritative,
          answers: [cname(NAME, 300, provider)],
          authority: [soa("user.example", 1, 1)],
        },
        [`TXT ${provider}`]: { answers: [nine] },
      },
      [provider],
    ],
  ])("is followed %s (R-8461-3.1-24)", async (_how, zone, further) => {
    const dns = await server(zone);
    expect(await client([dns]).txt(NAME)).toEqual({
      kind: "records",
      records: [rdata("v=STSv1; id=9;")],
      canonical: expect.any(String),
      ttl: 300,
      secure: false,
    });
    expect(dns.asked).toEqual([NAME, ...further].map((name) => `TXT ${name}`));
  });

  it("made by a DNAME is followed like any other (R-7672-2.1.3-03)", async () => {
    const dname = record("user.example", TYPES.DNAME, 60, wireName("provider", "example"));
    const dns = await server(() => ({ answers: [dname, cname(NAME, 60, provider), nine] }));
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "records", ttl: 60 });
  });

  it.each<[string, Record<string, Reply>]>([
    ["in one answer", { [`TXT ${NAME}`]: { answers: [cname(NAME, 1, "b.example"), cname("b.example", 1, NAME)] } }],
    [
      "over two answers",
      {
        [`TXT ${NAME}`]: { answers: [cname(NAME, 1, "b.example")] },
        "TXT b.example": { answers: [cname("b.example", 1, NAME)] },
      },
    ],
  ])("loop %s is a failed lookup, not an absent record (R-8461-3.1-24, R-8461-3.1-26)", async (_how, zone) => {
    const dns = await server(zone);
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "failed", reason: "cname-loop" });
  });

  it.each([
    [8, "one answer", "records"],
    [9, "one answer", "failed"],
    [8, "one answer each", "records"],
    [9, "one answer each", "failed"],
  ])("chain of %i links in %s ends as %s: the limit is 8 (R-8461-3.1-24)", async (links, how, kind) => {
    const names = [NAME, ...Array.from({ length: links }, (_, i) => `hop${i + 1}.example`)];
    const chain = names.slice(1).map((target, i) => cname(names[i] ?? "", 60, target));
    const last = txt(names.at(-1) ?? "", 60, "v=STSv1; id=1;");
    const dns = await server(({ name }) => ({
      answers: how === "one answer" ? [...chain, last] : [[...chain, last][names.indexOf(name)] ?? last],
    }));
    const outcome = await client([dns]).txt(NAME);
    expect(outcome.kind).toBe(kind);
    if (outcome.kind === "failed") expect(outcome.reason).toBe("cname-loop");
    expect(dns.queries.length).toBeLessThanOrEqual(9);
  });

  it("to a name that does not exist, or is empty, is an absent record", async () => {
    const to = [cname(NAME, 30, provider)];
    const gone = await server(() => ({ rcode: 3, answers: to, authority: [soa("example", 60, 90)] }));
    expect(await client([gone]).txt(NAME)).toEqual({ kind: "none", reason: "nxdomain", ttl: 30, secure: false });
    const empty = await server(() => ({ answers: to, authority: [soa("provider.example", 20, 90)] }));
    expect(await client([empty]).txt(NAME)).toEqual({ kind: "none", reason: "nodata", ttl: 20, secure: false });
    expect(empty.queries).toHaveLength(1);
  });

  it("to a name whose server fails is a failed lookup that names both (R-8461-3.1-26)", async () => {
    const dns = await server({
      [`TXT ${NAME}`]: { answers: [cname(NAME, 30, provider)] },
      [`TXT ${provider}`]: { rcode: 2 },
    });
    const detail = `TXT ${NAME}: SERVFAIL from ${dns.text}; asked for its alias ${provider}`;
    expect(await client([dns]).txt(NAME)).toEqual({ kind: "failed", reason: "servfail", detail });
  });

  it("to a name of odd octets is asked for as it is and shown escaped in the log", async () => {
    const dns = await server((query) =>
      query.name === NAME
        ? { answers: [record(NAME, TYPES.CNAME, 1, wireName("a\n\x1b[31m.b", "example"))] }
        : { rcode: 2 },
    );
    const outcome = await client([dns]).txt(NAME);
    expect(dns.queries[1]?.question.subarray(0, -4)).toEqual(wireName("a\n\x1b[31m.b", "example"));
    expect(outcome).toMatchObject({
      kind: "failed",
      detail: expect.stringContaining("alias a\\010\\027\\09131m\\046b.example"),
    });
    expect(outcome).toMatchObject({ detail: expect.stringMatching(/^[\x20-\x7e]{1,400}$/) });
  });
});

describe("a TTL", () => {
  it.each<[string, Reply, number]>([
    ["of the RRset is its smallest", { answers: [txt(NAME, 300, "a"), txt(NAME, 60, "b")] }, 60],
    [
      "of an alias bounds the records behind it",
      { answers: [cname(NAME, 5, "b.example"), txt("b.example", 60, "b")] },
      5,
    ],
    ["of a denial is that of the SOA", { rcode: 3, authority: [soa("example", 10, 90)] }, 10],
    ["of a denial is bounded by the SOA minimum", { rcode: 3, authority: [soa("example", 90, 10)] }, 10],
    ["of a denial without SOA is 0", { rcode: 3 }, 0],
    ["of a denial with the SOA of another zone is 0", { rcode: 3, authority: [soa("elsewhere.example", 90, 90)] }, 0],
    ["of an empty answer without SOA is 0", {}, 0],
  ])("%s (RFC 2308 §5)", async (_what, reply, ttl) => {
    const dns = await server(() => reply);
    expect(await client([dns]).txt(NAME)).toMatchObject({ ttl });
  });
});

describe("an MX question", () => {
  it("asks for MX alone and starts again at the target of a CNAME (R-5321-5.1-01)", async () => {
    const dns = await server({
      "MX alias.example": { answers: [cname("alias.example", 60, "user.example")] },
      "MX user.example": {
        answers: [mx("user.example", 60, 10, "MX1.User.example"), mx("user.example", 60, 20, "mx2.user.example")],
      },
    });
    const records = [
      { preference: 10, exchange: "mx1.user.example" },
      { preference: 20, exchange: "mx2.user.example" },
    ];
    expect(await client([dns]).mx("alias.example")).toMatchObject({ kind: "records", records });
    expect(dns.asked).toEqual(["MX alias.example", "MX user.example"]);
  });

  it("tells a domain that does not exist from one whose servers fail (R-5321-5.1-02)", async () => {
    const dns = await server({ "MX fails.example": { rcode: 2 } });
    expect(await client([dns]).mx("fails.example")).toMatchObject({ kind: "failed", reason: "servfail" });
    expect(await client([dns]).mx("gone.example")).toMatchObject({ kind: "none", reason: "nxdomain" });
  });

  it("tells a domain without MX, where the domain itself is the host, from one that does not exist (R-5321-5.1-03)", async () => {
    const dns = await server({ "MX host.example": { authority: [soa("example", 60, 60)] } });
    expect(await client([dns]).mx("host.example")).toMatchObject({ kind: "none", reason: "nodata" });
    expect(await client([dns]).mx("gone.example")).toMatchObject({ kind: "none", reason: "nxdomain" });
    expect(dns.asked).toEqual(["MX host.example", "MX gone.example"]);
  });

  it("shows a Null MX as the empty exchange and asks nothing else (R-7505-3-01)", async () => {
    const dns = await server({ "MX null.example": { answers: [mx("null.example", 60, 0, "")] } });
    expect(await client([dns]).mx("null.example")).toMatchObject({ records: [{ preference: 0, exchange: "" }] });
    expect(dns.asked).toEqual(["MX null.example"]);
  });

  it("keeps a root exchange and its neighbours, so that it is not taken for Null MX (R-7505-3-02)", async () => {
    const dns = await server(() => ({
      answers: [mx("odd.example", 60, 0, ""), mx("odd.example", 60, 10, "mx.example.com")],
    }));
    const records = [
      { preference: 0, exchange: "" },
      { preference: 10, exchange: "mx.example.com" },
    ];
    expect(await client([dns]).mx("odd.example")).toMatchObject({ records });
  });

  it("lists the same exchange once per preference, whatever its case", async () => {
    const answers = [
      mx("a.example", 60, 10, "mx.example"),
      mx("a.example", 60, 10, "MX.example"),
      mx("a.example", 60, 20, "mx.example"),
    ];
    const dns = await server(() => ({ answers }));
    expect(await client([dns]).mx("a.example")).toMatchObject({ records: [{ preference: 10 }, { preference: 20 }] });
  });

  it("shows a forged exchange of odd octets escaped, never as several names", async () => {
    const odd = [wireName("x:evil.net:y", "example", "com"), wireName("a b", "example"), wireName("mx\0", "{}=,")];
    const dns = await server(() => ({ answers: odd.map((exchange, i) => mx("a.example", 60, i, exchange)) }));
    const exchanges = ["x\\058evil\\046net\\058y.example.com", "a\\032b.example", "mx\\000.\\123\\125\\061\\044"];
    expect(await client([dns]).mx("a.example")).toMatchObject({ records: exchanges.map((exchange) => ({ exchange })) });
  });

  it("keeps the name of an exchange that is an alias, whose addresses are still found (R-5321-5.1-07)", async () => {
    const dns = await server({
      "MX user.example": {
        answers: [mx("user.example", 60, 10, "mx.user.example"), cname("mx.user.example", 60, "real.example")],
      },
      "A mx.user.example": {
        answers: [cname("mx.user.example", 60, "real.example"), a("real.example", 60, "192.0.2.7")],
      },
    });
    expect(await client([dns]).mx("user.example")).toMatchObject({ records: [{ exchange: "mx.user.example" }] });
    expect(await client([dns]).addresses("mx.user.example")).toMatchObject({ records: ["192.0.2.7"] });
  });
});

describe("an address question", () => {
  const four = {
    answers: [a("mx.example", 60, "192.0.2.1"), a("mx.example", 60, "192.0.2.2"), a("mx.example", 60, "192.0.2.1")],
  };
  const six = { answers: [aaaa("mx.example", 30, "20010db8 00000000 00000000 00000001")] };
  const empty = { authority: [soa("example", 20, 20)] };

  it.each<[string, Reply, Reply, object]>([
    ["both families", four, six, { kind: "records", records: ["192.0.2.1", "192.0.2.2", "2001:db8::1"], ttl: 30 }],
    ["A alone", four, empty, { kind: "records", records: ["192.0.2.1", "192.0.2.2"], ttl: 60 }],
    ["AAAA alone", empty, six, { kind: "records", records: ["2001:db8::1"], ttl: 30 }],
    ["A while AAAA fails", four, { rcode: 2 }, { kind: "records", records: ["192.0.2.1", "192.0.2.2"] }],
    ["nothing while AAAA fails", empty, { rcode: 2 }, { kind: "failed", reason: "servfail" }],
    ["nothing while A fails", { rcode: 2 }, empty, { kind: "failed", reason: "servfail" }],
    ["no address at all", empty, empty, { kind: "none", reason: "nodata", ttl: 20 }],
    ["no such name", { rcode: 3 }, { rcode: 3 }, { kind: "none", reason: "nxdomain" }],
    ["denials that disagree", { rcode: 3 }, empty, { kind: "none", reason: "nodata" }],
  ])("with %s", async (_what, replyA, replyAaaa, outcome) => {
    const dns = await server({ "A mx.example": replyA, "AAAA mx.example": replyAaaa });
    expect(await client([dns]).addresses("mx.example")).toMatchObject(outcome);
    expect(dns.asked.sort()).toEqual(["A mx.example", "AAAA mx.example"]);
  });
});

describe("names that are no A-label host names", () => {
  it.each([
    "bücher.example",
    "example.com.",
    "a..b",
    "",
    "192.0.2.1",
    "_mta-sts.192.0.2.1",
    "a\\046b.example",
    "user@example.com",
  ])("like %j are a TypeError and never reach a server (R-5890-2.3-01)", async (name) => {
    const dns = await server({});
    const stub = client([dns]);
    await expect(stub.txt(name)).rejects.toThrow(TypeError);
    await expect(stub.mx(name)).rejects.toThrow(TypeError);
    await expect(stub.addresses(name)).rejects.toThrow(TypeError);
    expect(dns.queries).toEqual([]);
  });
});

describe("createDnsClient", () => {
  it.each([
    [["resolver.example"]],
    [["127.0.0.1:0"]],
    [["127.0.0.1:70000"]],
    [[]],
    [["[127.0.0.1]:53"]],
    [["127.0.0.1:53 "]],
  ])("refuses %j as servers", (servers) => {
    expect(() => createDnsClient({ servers })).toThrow(TypeError);
  });

  it("refuses a name in trustAd", () => {
    expect(() => createDnsClient({ servers: ["127.0.0.1"], trustAd: ["localhost"] })).toThrow(TypeError);
  });

  it("names the port where nobody listens", async () => {
    const nobody = await silentPort();
    const detail = `TXT ${NAME}: ECONNREFUSED from ${nobody}`;
    expect(await client([nobody]).txt(NAME)).toEqual({ kind: "failed", reason: "network", detail });
  });
});
