import { Resolver } from "node:dns/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DnsName } from "../../lab/dns-name.ts";
import { ask, askTcp, askUdp, type Datagram, decode, exchange, txt } from "../../lab/dns-probe.ts";
import { DnsServer } from "../../lab/dns-server.ts";

describe("the lab's DNS", () => {
  let dns: DnsServer;
  beforeAll(async () => {
    dns = await DnsServer.listen();
  });
  afterAll(() => dns.close());

  it("answers every record type with its TTL", async () => {
    const { zone } = dns;
    zone.set("all.test", "A", { records: ["127.1.2.3"], ttl: 17 });
    zone.set("all.test", "AAAA", ["2001:db8::1", "::ffff:127.0.0.1", "::"]);
    zone.set("all.test", "MX", [{ preference: 5, exchange: "mx.all.test" }]);
    zone.set("all.test", "NS", ["ns.all.test"]);
    zone.set("all.test", "SOA", [{ mname: "ns.all.test", rname: "h.all.test", serial: 9, minimum: 60 }]);
    zone.set("all.test", "TLSA", [{ raw: Buffer.from("0301010a", "hex") }]);
    const data = async (type: string) =>
      ((await ask(dns, "all.test", type)).answers ?? []).map((answer) => (answer as { data: unknown }).data);
    expect((await ask(dns, "all.test", "A")).answers).toMatchObject([{ name: "all.test", ttl: 17, data: "127.1.2.3" }]);
    expect(await data("AAAA")).toEqual(["2001:db8::1", "::ffff:7f00:1", "::"]);
    expect(await data("MX")).toEqual([{ preference: 5, exchange: "mx.all.test" }]);
    expect(await data("NS")).toEqual(["ns.all.test"]);
    expect(await data("SOA")).toMatchObject([{ mname: "ns.all.test", rname: "h.all.test", serial: 9, minimum: 60 }]);
    expect((await ask(dns, "all.test", "TLSA")).answers).toMatchObject([
      { data: { usage: 3, selector: 1, matchingType: 1 } },
    ]);
  });

  it("keeps several TXT records and their character-strings apart", async () => {
    dns.zone.set("txt.test", "TXT", ["one", ["split ", "in two"], "x".repeat(300), []]);
    const { answers } = await ask(dns, "txt.test");
    const lengths = answers?.map((answer) => (answer as { data: Buffer[] }).data.map((part) => part.length));
    expect(lengths).toEqual([[3], [6, 6], [255, 45], []]);
  });

  const odd: readonly { title: string; name: DnsName; wire: string }[] = [
    { title: "a colon", name: ["x:evil.net:y", "a", "test"], wire: "\x0cx:evil.net:y\x01a\x04test\0" },
    { title: "a space", name: ["a b", "test"], wire: "\x03a b\x04test\0" },
    { title: "an equals sign, a brace and a comma", name: ["a={,", "test"], wire: "\x04a={,\x04test\0" },
    { title: "NUL", name: [Buffer.of(0x61, 0, 0x62), "test"], wire: "\x03a\0b\x04test\0" },
    { title: "a dot inside a label", name: "a\\.b.test", wire: "\x03a.b\x04test\0" },
    { title: "a decimal escape", name: "a\\255.test", wire: "\x02a\xff\x04test\0" },
  ];
  it.each(odd)("puts $title on the wire as part of the label, and finds the name by it", async ({ name, wire }) => {
    dns.zone.set("odd.test", "MX", [{ preference: 1, exchange: name }]);
    dns.zone.set(name, "A", ["127.0.0.9"]);
    const [mx] = await askUdp(dns, "odd.test", "MX");
    // The last label is a pointer to the question, so the name is looked for without it.
    expect(mx?.packet.toString("latin1")).toContain(wire.slice(0, -6));
    // No library writes such a question: header, name, type A, class IN.
    const header = Buffer.from("000101000001000000000000", "hex");
    const question = Buffer.concat([header, Buffer.from(wire, "latin1"), Buffer.of(0, 1, 0, 1)]);
    const [address] = await exchange(dns, question, 1, 5000);
    expect(address?.packet.subarray(-4)).toEqual(Buffer.of(127, 0, 0, 9));
    expect(dns.count(name, "A")).toBe(1);
  });

  it("answers a Null MX as the root name", async () => {
    dns.zone.set("null.test", "MX", [{ preference: 0, exchange: "" }]);
    expect((await ask(dns, "null.test", "MX")).answers).toMatchObject([{ data: { preference: 0, exchange: "." } }]);
  });

  it("echoes the spelling of the question and finds the name in any case", async () => {
    dns.zone.set("case.test", "TXT", ["found"]);
    const reply = await ask(dns, "CaSe.TEST");
    expect(reply.questions?.[0]?.name).toBe("CaSe.TEST");
    expect(txt(reply)).toEqual(["found"]);
  });

  it("tells NXDOMAIN, NODATA and an empty non-terminal apart, each with the SOA of its zone", async () => {
    dns.zone.set("zone.test", "SOA", {
      ttl: 900,
      records: [{ mname: "ns.zone.test", rname: "h.zone.test", minimum: 33 }],
    });
    dns.zone.set("deep.below.zone.test", "TXT", ["x"]);
    dns.zone.set("short.zone.test", "TXT", { answer: "nodata", soa: { ttl: 5, minimum: 7 } });
    dns.zone.set("bare.zone.test", "TXT", { answer: "nxdomain", soa: false });
    const soa = { name: "zone.test", type: "SOA", ttl: 900, data: { minimum: 33 } };
    expect(await ask(dns, "no.zone.test")).toMatchObject({ rcode: "NXDOMAIN", authorities: [soa] });
    expect(await ask(dns, "zone.test")).toMatchObject({ rcode: "NOERROR", answers: [], authorities: [soa] });
    expect(await ask(dns, "below.zone.test")).toMatchObject({ rcode: "NOERROR", answers: [] });
    const short = { ttl: 5, data: { mname: "ns.zone.test", minimum: 7 } };
    expect(await ask(dns, "short.zone.test")).toMatchObject({ rcode: "NOERROR", authorities: [short] });
    expect(await ask(dns, "bare.zone.test")).toMatchObject({ rcode: "NXDOMAIN", authorities: [] });
  });

  it.each([
    ["servfail", "SERVFAIL"],
    ["refused", "REFUSED"],
    ["formerr", "FORMERR"],
    ["notimp", "NOTIMP"],
  ] as const)("answers %s", async (answer, rcode) => {
    dns.zone.set("rcode.test", "TXT", { answer });
    expect(await ask(dns, "rcode.test")).toMatchObject({ rcode, answers: [] });
  });

  it("is lame on demand: upward referral, and empty without authority", async () => {
    dns.zone.set("up.test", "*", { answer: "referral" });
    dns.zone.set("empty.test", "*", { answer: "empty" });
    const up = await ask(dns, "up.test");
    expect(up).toMatchObject({ rcode: "NOERROR", flag_ra: false, flag_aa: false, answers: [] });
    expect(up.authorities).toMatchObject([{ name: ".", type: "NS" }]);
    expect(await ask(dns, "empty.test")).toMatchObject({ rcode: "NOERROR", flag_aa: false, authorities: [] });
  });

  it("drops queries silently and counts them", async () => {
    dns.zone.set("drop.test", "TXT", { answer: "drop" });
    expect(await askUdp(dns, "drop.test", "TXT", { patience: 50 })).toEqual([]);
    await dns.waitForQuery("drop.test", "TXT");
    expect(dns.count("DROP.test", "TXT")).toBe(1);
    expect(dns.count("drop.test", "MX")).toBe(0);
  });

  it("delays an answer", async () => {
    dns.zone.set("slow.test", "TXT", { records: ["late"], delay: 80 });
    const start = performance.now();
    expect(txt(await ask(dns, "slow.test"))).toEqual(["late"]);
    expect(performance.now() - start).toBeGreaterThanOrEqual(78);
  });

  it("truncates over UDP and tells all over TCP", async () => {
    dns.zone.set("tc.test", "TXT", { records: ["a", "b"], truncate: "empty" });
    dns.zone.set("part.test", "TXT", { records: ["a", "b"], truncate: "partial" });
    expect(await ask(dns, "tc.test")).toMatchObject({ flag_tc: true, answers: [] });
    expect((await ask(dns, "part.test")).answers).toHaveLength(1);
    expect(txt(decode((await askTcp(dns, "tc.test")).subarray(2)))).toEqual(["a", "b"]);
    expect(dns.queries.where((query) => query.name === "tc.test").map((query) => query.transport)).toEqual([
      "udp",
      "tcp",
    ]);
  });

  it("truncates what is larger than the client takes, with and without EDNS", async () => {
    const records = Array.from({ length: 250 }, (_, i) => `${i}${"x".repeat(240)}`);
    dns.zone.set("huge.test", "TXT", records);
    dns.zone.set("middle.test", "TXT", ["x".repeat(800)]);
    expect(await ask(dns, "huge.test")).toMatchObject({ flag_tc: true });
    expect(await ask(dns, "middle.test")).toMatchObject({ flag_tc: false, additionals: [{ type: "OPT" }] });
    expect(await ask(dns, "middle.test", "TXT", { edns: null })).toMatchObject({ flag_tc: true, additionals: [] });
    expect(decode((await askTcp(dns, "huge.test")).subarray(2)).answers).toHaveLength(250);
  });

  it("misbehaves over TCP: closes, cuts, dribbles", async () => {
    for (const tcp of ["close", "cut", "dribble"] as const)
      dns.zone.set(`${tcp}.test`, "TXT", { records: ["x".repeat(200)], truncate: "empty", tcp });
    const whole = await askTcp(dns, "dribble.test");
    expect(txt(decode(whole.subarray(2)))).toEqual(["x".repeat(200)]);
    expect(await askTcp(dns, "cut.test")).toHaveLength(whole.length - "dribble".length + "cut".length - 5);
    await expect(askTcp(dns, "close.test").then((got) => got.length)).resolves.toBe(0);
  });

  it("refuses EDNS on demand", async () => {
    dns.zone.set("noedns.test", "TXT", { records: ["x"], refuseEdns: true });
    expect(await ask(dns, "noedns.test")).toMatchObject({ rcode: "FORMERR", additionals: [] });
    expect(txt(await ask(dns, "noedns.test", "TXT", { edns: null }))).toEqual(["x"]);
  });

  it("follows a CNAME chain and stops in a loop", async () => {
    dns.zone.set("c1.test", "CNAME", { records: ["c2.test"], ttl: 5 });
    dns.zone.set("c2.test", "CNAME", ["c3.test"]);
    dns.zone.set("c3.test", "TXT", ["end"]);
    dns.zone.set("l1.test", "CNAME", ["l2.test"]);
    dns.zone.set("l2.test", "CNAME", ["l1.test"]);
    dns.zone.set("alone.test", "CNAME", { records: ["c3.test"], chase: false });
    dns.zone.set("gone.test", "CNAME", ["nowhere.test"]);
    const types = async (name: string) => (await ask(dns, name)).answers?.map(({ type }) => type);
    expect(await types("c1.test")).toEqual(["CNAME", "CNAME", "TXT"]);
    expect(await types("l1.test")).toEqual(["CNAME", "CNAME"]);
    expect(await types("alone.test")).toEqual(["CNAME"]);
    expect(await ask(dns, "gone.test")).toMatchObject({ rcode: "NXDOMAIN", answers: [{ type: "CNAME" }] });
  });

  it("sets AD for secure names only, when all of the chain is secure and the client asks", async () => {
    dns.zone.set("sec.test", "TXT", { records: ["x"], secure: true });
    dns.zone.set("insec.test", "TXT", ["x"]);
    dns.zone.set("chain.test", "CNAME", { records: ["insec.test"], secure: true });
    expect(await ask(dns, "sec.test")).toMatchObject({ flag_ad: true });
    expect(await ask(dns, "insec.test")).toMatchObject({ flag_ad: false });
    expect(await ask(dns, "chain.test")).toMatchObject({ flag_ad: false });
    expect(await ask(dns, "sec.test", "TXT", { edns: null })).toMatchObject({ flag_ad: false });
  });

  it.each(["wrong-id", "wrong-question", "query", "garbage", "wrong-source"] as const)(
    "sends a forged packet (%s) before the true reply",
    async (as) => {
      dns.zone.set("forged.test", "TXT", { records: ["true"], forged: { as, records: ["forged"] } });
      const got = await askUdp(dns, "forged.test", "TXT", { count: 2 });
      const honest = ({ packet, from }: Datagram) =>
        packet.length > 20 &&
        decode(packet).id === 4711 &&
        decode(packet).questions?.[0]?.name === "forged.test" &&
        decode(packet).type === "response" &&
        from.address === dns.address;
      expect(got.filter(honest).map(({ packet }) => txt(decode(packet)))).toEqual([["true"]]);
      expect(got).toHaveLength(2);
    },
  );

  it("takes strays into the answer, replies in sequence, and has outages", async () => {
    const extra = [{ name: "other.test", type: "TXT", data: "stray" }] as const;
    dns.zone.set("stray.test", "TXT", { records: ["own"], extra });
    expect((await ask(dns, "stray.test")).answers?.map(({ name }) => name)).toEqual(["stray.test", "other.test"]);
    dns.zone.set("turns.test", "TXT", { sequence: [{ answer: "servfail" }, { records: ["ok"] }] });
    const rcodes = [await ask(dns, "turns.test"), await ask(dns, "turns.test"), await ask(dns, "turns.test")];
    expect(rcodes.map(({ rcode }) => rcode)).toEqual(["SERVFAIL", "NOERROR", "NOERROR"]);
    dns.zone.setAll({ answer: "refused" });
    expect((await ask(dns, "stray.test")).rcode).toBe("REFUSED");
    dns.zone.setAll(null);
    expect((await ask(dns, "stray.test")).rcode).toBe("NOERROR");
  });

  it("lifts a forgery and shows the truth that changed meanwhile", async () => {
    dns.zone.set("truth.test", "TXT", ["old"]);
    dns.zone.forge("truth.test", "TXT", { answer: "nxdomain" });
    expect((await ask(dns, "truth.test")).rcode).toBe("NXDOMAIN");
    dns.zone.set("truth.test", "TXT", ["new"]);
    dns.zone.unforge("truth.test");
    expect(txt(await ask(dns, "truth.test"))).toEqual(["new"]);
  });

  it("is understood by Node's own resolver", async () => {
    const resolver = new Resolver();
    resolver.setServers([`${dns.address}:${dns.port}`]);
    dns.zone.set("node.test", "MX", [{ preference: 1, exchange: "mx.node.test" }]);
    expect(await resolver.resolveMx("node.test")).toMatchObject([{ priority: 1, exchange: "mx.node.test" }]);
    await expect(resolver.resolveTxt("nowhere.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
  });
});
