import { lookup, Resolver } from "node:dns/promises";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CertificateKind, createCa } from "../lab/ca.ts";
import type { DnsName } from "../lab/dns-name.ts";
import { ask, askTcp, askUdp, type Datagram, decode, exchange, txt } from "../lab/dns-probe.ts";
import { DnsServer } from "../lab/dns-server.ts";
import { get, has, octets, REQUEST } from "../lab/https-probe.ts";
import { startLab } from "../lab/lab-client.ts";
import type { MxBehaviour } from "../lab/mx-server.ts";
import { Namespace, namespaceObstacle } from "../lab/namespace.ts";
import type { PolicyBehaviour } from "../lab/policy-behaviour.ts";
import { SmtpProbe } from "../lab/smtp-probe.ts";
import { createWorld, type World } from "../lab/world.ts";

const POLICY = { mode: "enforce", mx: ["*.good.test"], maxAge: 86_400 } as const;

describe("the lab's certificates", () => {
  it("take less than a second of processor time for a CA and twenty leaves", async () => {
    const start = process.cpuUsage();
    const ca = await createCa();
    await Promise.all(Array.from({ length: 20 }, (_, i) => ca.issue({ names: [`host${i}.test`] })));
    const { user, system } = process.cpuUsage(start);
    expect(user + system).toBeLessThan(1_000_000);
  });
});

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

const BODY = "version: STSv1\r\nmode: enforce\r\nmx: *.good.test\r\nmax_age: 86400\r\n";

describe("the lab's policy hosts", () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
    await world.domain("good.test", { policy: POLICY, mx: [] });
  });
  afterAll(() => world.close());

  it("serve the policy and record the request", async () => {
    await world.forgetSeen();
    const answered = await get(world, "good.test", has("86400\r\n"), { ALPNProtocols: ["h2", "http/1.1"] });
    expect(answered.tls.authorizationError).toBeNull();
    expect(answered.text).toMatch(
      /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain\r\nContent-Length: 64\r\n\r\nversion/,
    );
    expect(answered.text.endsWith(BODY)).toBe(true);
    const [request, ...more] = await world.requests("mta-sts.good.test");
    expect(more).toEqual([]);
    expect(request).toMatchObject({
      method: "GET",
      path: "/.well-known/mta-sts.txt",
      httpVersion: "1.1",
      headers: { host: "mta-sts.good.test" },
      sni: "mta-sts.good.test",
      alpn: "http/1.1",
      tlsVersion: "TLSv1.3",
    });
    expect(await world.connections()).toMatchObject([
      { sni: "mta-sts.good.test", alpnOffered: ["h2", "http/1.1"], tls: "established" },
    ]);
  });

  const certificates: readonly [CertificateKind, string | null, string | undefined][] = [
    ["good", null, "DNS:mta-sts.cert.test"],
    ["wildcard", null, "DNS:*.cert.test"],
    ["via-intermediate", null, "DNS:mta-sts.cert.test"],
    ["wrong-name", "ERR_TLS_CERT_ALTNAME_INVALID", "DNS:another-host.invalid"],
    ["expired", "CERT_HAS_EXPIRED", "DNS:mta-sts.cert.test"],
    ["not-yet-valid", "CERT_NOT_YET_VALID", "DNS:mta-sts.cert.test"],
    ["self-signed", "DEPTH_ZERO_SELF_SIGNED_CERT", "DNS:mta-sts.cert.test"],
    // Node itself falls back on CN and takes partial wildcards; what counts here is what the certificate says.
    ["cn-only", null, undefined],
    ["partial-wildcard", null, "DNS:mta-*.cert.test"],
    ["ip-san", "ERR_TLS_CERT_ALTNAME_INVALID", "IP Address:127.0.0.1"],
    ["other-ca", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "DNS:mta-sts.cert.test"],
    ["missing-intermediate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "DNS:mta-sts.cert.test"],
  ];
  it.each(certificates)("show a %s certificate (%s)", async (certificate, fault, names) => {
    await world.domain("cert.test", { policy: POLICY, policyHost: { certificate }, mx: [] });
    const seen: { names: string | undefined; cn: unknown; fault: string | null }[] = [];
    const { port, address: host } = world.https;
    const tls = connectTls({ port, host, servername: "mta-sts.cert.test", ca: world.caPem, rejectUnauthorized: false });
    await once(tls, "secureConnect");
    const shown = tls.getPeerCertificate();
    const error = tls.authorizationError as unknown as { code?: string } | string | null;
    seen.push({
      names: shown.subjectaltname,
      cn: shown.subject.CN,
      fault: typeof error === "object" ? (error?.code ?? null) : error,
    });
    tls.destroy();
    const cn = certificate === "cn-only" ? "mta-sts.cert.test" : "Lab leaf";
    expect(seen).toEqual([{ names, cn, fault }]);
  });

  const behaviours: readonly [string, PolicyBehaviour, (text: string) => boolean, RegExp, string][] = [
    [
      "a wrong type",
      { kind: "ok", body: BODY, contentType: "text/html" },
      has("86400"),
      /Content-Type: text\/html/,
      "enough",
    ],
    ["no type", { kind: "ok", body: BODY, contentType: null }, has("86400"), /^(?!.*Content-Type)/is, "enough"],
    ["a closing answer", { kind: "ok", body: BODY, close: true }, () => false, /86400\r\n$/, "end"],
    ...([300, 301, 302, 303, 304, 307, 308] as const).map(
      (status) =>
        [
          `a ${status}`,
          { kind: "redirect", status, location: "https://evil.test/" },
          has("\r\n\r\n"),
          new RegExp(`^HTTP/1\\.1 ${status} .*Location: https://evil\\.test/`, "s"),
          "enough",
        ] as [string, PolicyBehaviour, (text: string) => boolean, RegExp, string],
    ),
    ["a status", { kind: "status", status: 503 }, has("\r\n\r\n"), /^HTTP\/1\.1 503 /, "enough"],
    [
      "slow headers",
      { kind: "slow-headers", every: 5 },
      octets(50),
      /^HTTP\/1\.1 200 OK\r\nX-Slow: yes\r\nX-Slow/,
      "enough",
    ],
    [
      "a slow body",
      { kind: "slow-body", body: "abcd", every: 5 },
      has("\r\n\r\nabcd"),
      /Content-Length: 4\r\n/,
      "enough",
    ],
    ["103 without end", { kind: "early-hints-flood" }, octets(500_000), /^HTTP\/1\.1 103 Early Hints/, "enough"],
    [
      "103, then 200",
      { kind: "informational-first", body: BODY },
      has("86400"),
      /^HTTP\/1\.1 100 .*1\.1 103 .*1\.1 200 /s,
      "enough",
    ],
    ["a body without end, chunked", { kind: "endless-body", framing: "chunked" }, octets(500_000), /chunked/, "enough"],
    ["a body without end", { kind: "endless-body", framing: "close" }, octets(500_000), /^(?!.*Length)/is, "enough"],
    [
      "huge headers",
      { kind: "huge-headers", octets: 40_000, body: BODY },
      has("86400"),
      /(X-Filler: x{1000}\r\n){40}/,
      "enough",
    ],
    [
      "tiny chunks",
      { kind: "tiny-chunks", body: "ab", extension: 3000 },
      has("0\r\n\r\n"),
      /1;x=x{3000}\r\nb\r\n0/,
      "enough",
    ],
    [
      "a body cut before its length",
      { kind: "cut", body: BODY, framing: "content-length" },
      () => false,
      /Length: 164\r\n/,
      "end",
    ],
    [
      "a body without last chunk",
      { kind: "cut", body: BODY, framing: "chunked" },
      () => false,
      /86400\r\n\r\n$/,
      "end",
    ],
    ["a body of no length", { kind: "cut", body: BODY, framing: "close" }, () => false, /86400\r\n$/, "end"],
    ["gzip", { kind: "gzip", body: BODY }, has("\x1f\x8b"), /Content-Encoding: gzip/, "enough"],
    [
      "raw octets",
      { kind: "raw", bytes: "HTTP/9.9 hello\r\n\r\n", close: true },
      () => false,
      /^HTTP\/9\.9 hello/,
      "end",
    ],
    ["a reset", { kind: "reset" }, () => false, /^$/, "ECONNRESET"],
  ];
  it.each(behaviours)("answer with %s", async (_, behaviour, enough, text, end) => {
    await world.domain("odd.test", { policyHost: { behaviour }, mx: [] });
    const answered = await get(world, "odd.test", enough);
    expect(answered.text).toMatch(text);
    expect(answered.end).toBe(end);
  });

  it("know when the client stopped an endless body, and how much it was sent", async () => {
    await world.domain("endless.test", {
      policyHost: { behaviour: { kind: "endless-body", framing: "close" } },
      mx: [],
    });
    await get(world, "endless.test", octets(100_000));
    const [connection] = await world.https.connections.until((c) => c.sni === "mta-sts.endless.test" && c.closed);
    expect(connection?.bytesSent).toBeGreaterThan(100_000);
  });

  it("hold a request until it is released, and are silent on demand", async () => {
    const behaviour = { kind: "hold", next: { kind: "ok", body: "held", close: true } } as const;
    await world.domain("hold.test", { policyHost: { behaviour }, mx: [] });
    let over = false;
    const answer = get(world, "hold.test").finally(() => {
      over = true;
    });
    await world.waitForRequest("hold.test");
    expect(over).toBe(false);
    await world.releasePolicyHost("hold.test");
    expect((await answer).text).toMatch(/held$/);

    await world.breakPolicyHost("hold.test", { behaviour: { kind: "silent" } });
    void get(world, "hold.test");
    await world.waitForRequest("hold.test", 2);
  });

  it("answer 404 for every other path, and close on a name that is nobody's", async () => {
    const request = REQUEST("mta-sts.good.test", "/elsewhere");
    expect((await get(world, "good.test", has("\r\n\r\n"), { request })).text).toMatch(/^HTTP\/1\.1 404 /);
    await world.forgetSeen();
    expect((await get(world, "nobody.test")).tls.authorized).toBe(false);
    expect((await get(world, "good.test", undefined, { servername: "" })).tls.authorized).toBe(false);
    expect(await world.connections()).toMatchObject([
      { sni: "mta-sts.nobody.test", tls: "failed" },
      { sni: null, tls: "failed" },
    ]);
  });

  it("keep a connection alive and see a change of the policy on it", async () => {
    await world.domain("alive.test", { policy: POLICY, mx: [] });
    const { port, address: host } = world.https;
    const tls = connectTls({ port, host, servername: "mta-sts.alive.test", ca: world.caPem });
    const read = async (last: string) => {
      let text = "";
      while (!text.endsWith(last)) text += (await once(tls, "data"))[0];
      return text;
    };
    tls.write(REQUEST("mta-sts.alive.test"));
    expect(await read("86400\r\n")).toContain("mode: enforce");
    await world.setPolicy("alive.test", { mode: "none", maxAge: 60 });
    tls.write(REQUEST("mta-sts.alive.test"));
    expect(await read("max_age: 60\r\n")).toContain("mode: none");
    tls.destroy();
  });

  it.each([
    ["1.0", "ERR_SSL_UNSUPPORTED_PROTOCOL", "TLSv1"],
    ["1.1", "ERR_SSL_UNSUPPORTED_PROTOCOL", "TLSv1.1"],
    ["1.2", null, "TLSv1.2"],
  ] as const)("speak TLS %s only", async (tls, refusal, version) => {
    await world.domain("old.test", { policy: POLICY, policyHost: { tls }, mx: [] });
    const modern = await get(world, "old.test", has("86400"));
    if (refusal !== null) {
      expect(modern.end).toMatch(/^ERR_SSL_(UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION)$/);
      const [failed] = await world.https.connections.until((c) => c.sni === "mta-sts.old.test" && c.tls === "failed");
      expect(failed?.error).not.toBeNull();
    }
    const old = { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
    expect((await get(world, "old.test", has("86400"), old)).end).toBe("enough");
    expect((await world.requests("mta-sts.old.test")).at(-1)?.tlsVersion).toBe(version);
  });

  it("reset at the ClientHello, answer in plain HTTP, or show an SMTP banner", async () => {
    await world.domain("low.test", { policy: POLICY, policyHost: { tls: "reset" }, mx: [] });
    expect((await get(world, "low.test")).end).toBe("ECONNRESET");
    await world.breakPolicyHost("low.test", { tls: "plain" });
    expect((await get(world, "low.test")).end).toMatch(/^ERR_SSL_/);
    await world.breakPolicyHost("low.test", { tls: "smtp-banner" });
    expect((await get(world, "low.test", has("ESMTP"))).text).toMatch(/^220 /);
    await world.breakPolicyHost("low.test", { tls: "silent" });
    void get(world, "low.test");
    await world.https.connections.until((c) => c.sni === "mta-sts.low.test" && c.tls === "pending");
    await world.mendPolicyHost("low.test");
    expect((await get(world, "low.test")).end).toBe("ECONNRESET");
    await world.domain("low.test", { policy: POLICY, mx: [] });
    expect((await get(world, "low.test", has("86400"))).end).toBe("enough");
  });
});

describe("the lab's MX hosts", () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.close());

  let made = 0;
  async function mx(behaviour: MxBehaviour): Promise<{ name: string; smtp: SmtpProbe; ehlo: string }> {
    const name = `mx${++made}.test`;
    await world.domain(`d${made}.test`, { mx: [{ exchange: name, ...behaviour }] });
    const endpoint = (await world.endpoints()).mx[name];
    if (endpoint === undefined) throw new Error(`no endpoint for ${name}`);
    const smtp = new SmtpProbe(endpoint.port, endpoint.address);
    await smtp.reply();
    return { name, smtp, ehlo: await smtp.say("EHLO client.test") };
  }

  it("take mail under STARTTLS and record it", async () => {
    const { name, smtp, ehlo } = await mx({});
    expect(ehlo).toContain("STARTTLS");
    expect(await smtp.say("STARTTLS")).toMatch(/^220 /);
    const tls = await smtp.startTls({ servername: name, ca: world.caPem });
    expect(tls.authorized).toBe(true);
    expect(await smtp.say("EHLO client.test")).not.toContain("STARTTLS");
    expect(await smtp.deliver("Subject: x\r\n\r\n..dot")).toMatch(/^250 /);
    await world.waitForDelivery(name);
    expect(await world.deliveries(name)).toEqual([
      {
        mx: name,
        tls: true,
        tlsVersion: "TLSv1.3",
        sni: name,
        certificate: "good",
        from: "a@from.test",
        to: ["b@to.test"],
        data: "Subject: x\r\n\r\n.dot\r\n",
      },
    ]);
    expect(await smtp.say("QUIT")).toMatch(/^221 /);
  });

  it("take mail in clear and record that", async () => {
    const { name, smtp } = await mx({ starttls: "stripped" });
    await smtp.deliver("clear");
    expect(await world.deliveries(name)).toMatchObject([
      { tls: false, tlsVersion: null, sni: null, certificate: null },
    ]);
    expect((await world.sessions(name))[0]?.commands).toEqual(["EHLO", "MAIL", "RCPT", "DATA"]);
    smtp.socket.destroy();
  });

  it.each([
    ["wildcard", null],
    ["wrong-name", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["expired", "CERT_HAS_EXPIRED"],
    ["self-signed", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["cn-only", null],
  ] as const)("show a %s certificate (%s)", async (certificate, fault) => {
    const exchange = `${certificate}.mx.test`;
    await world.domain("certs.test", { mx: [{ exchange, certificate }] });
    const { port, address } = (await world.endpoints()).mx[exchange] ?? { port: 0, address: "" };
    const smtp = new SmtpProbe(port, address);
    await smtp.reply();
    await smtp.say("EHLO client.test");
    await smtp.say("STARTTLS");
    const tls = await smtp.startTls({ servername: exchange, ca: world.caPem });
    const error = tls.authorizationError as unknown as { code?: string } | string | null;
    expect(typeof error === "object" ? (error?.code ?? null) : error).toBe(fault);
    if (certificate === "cn-only") expect(tls.getPeerCertificate().subjectaltname).toBeUndefined();
    tls.destroy();
  });

  it("show another certificate to clients that send SNI", async () => {
    for (const sni of [true, false]) {
      const { name, smtp } = await mx({ certificate: "wrong-name", sniCertificate: "good" });
      await smtp.say("STARTTLS");
      const tls = await smtp.startTls(sni ? { servername: name } : {});
      expect(tls.getPeerCertificate().subjectaltname).toBe(`DNS:${sni ? name : "another-host.invalid"}`);
      await smtp.deliver("x");
      const shown = { sni: sni ? name : null, certificate: sni ? "good" : "wrong-name" };
      expect(await world.deliveries(name)).toMatchObject([shown]);
      tls.destroy();
    }
  });

  it.each([
    ["stripped", /^(?!.*STARTTLS)/s, /^502 /],
    ["masked", /XXXXXXXA/, /^502 /],
    ["refused", /STARTTLS/, /^454 /],
    ["injected", /STARTTLS/, /^220 /],
  ] as const)("offer STARTTLS as %s", async (starttls, offered, answer) => {
    const { smtp, ehlo } = await mx({ starttls });
    expect(ehlo).toMatch(offered);
    expect(await smtp.say("STARTTLS")).toMatch(answer);
    if (starttls === "injected") {
      // The plaintext that came along with the 220 is what a careless client takes for replies under TLS.
      expect(await smtp.reply()).toMatch(/^250 injected/);
      expect(await smtp.reply()).toMatch(/^250 injected/);
      await smtp.startTls({});
      expect(await smtp.say("EHLO client.test")).toMatch(/^250-mx/);
    }
    smtp.socket.destroy();
  });

  it("speak an old TLS version only, or no TLS after a 220", async () => {
    for (const [starttls, version] of [
      ["tls1.0", "TLSv1"],
      ["tls1.1", "TLSv1.1"],
    ] as const) {
      const modern = await mx({ starttls });
      await modern.smtp.say("STARTTLS");
      await expect(modern.smtp.startTls({})).rejects.toThrow();
      await world.sessions(modern.name);
      const { port, address } = (await world.endpoints()).mx[modern.name] ?? { port: 0, address: "" };
      const smtp = new SmtpProbe(port, address);
      await smtp.reply();
      await smtp.say("STARTTLS");
      const old = { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
      expect((await smtp.startTls(old)).getProtocol()).toBe(version);
      expect((await world.sessions(modern.name))[0]).toMatchObject({ tls: "failed" });
      smtp.socket.destroy();
    }
    const { smtp } = await mx({ starttls: "garbage" });
    await smtp.say("STARTTLS");
    await expect(smtp.startTls({})).rejects.toThrow();
  });

  it("refuse with the replies they are given", async () => {
    const { name, smtp } = await mx({ replies: { rcpt: "451 4.7.1 try later" } });
    expect(await smtp.deliver("x")).toBe("451 4.7.1 try later\r\n");
    expect(await world.deliveries(name)).toEqual([]);
    smtp.socket.destroy();
    await world.setMxBehaviour(name, { replies: { greeting: "554 no service" } });
    const { port, address } = (await world.endpoints()).mx[name] ?? { port: 0, address: "" };
    const again = new SmtpProbe(port, address);
    expect(await again.reply()).toBe("554 no service\r\n");
    again.socket.destroy();
  });
});

describe("a world", () => {
  it("publishes record, policy host and MX hosts of a domain, and closes", async () => {
    const world = await createWorld({ ttl: 60 });
    await world.domain("good.test", { policy: POLICY, id: "20260101", mx: ["mx1.good.test", "mx2.good.test"] });
    expect(txt(await ask(world.dns, "_mta-sts.good.test"))).toEqual(["v=STSv1; id=20260101;"]);
    expect((await ask(world.dns, "mta-sts.good.test", "A")).answers).toMatchObject([{ data: "127.0.0.1", ttl: 60 }]);
    const mx = (await ask(world.dns, "good.test", "MX")).answers?.map((answer) => (answer as { data: unknown }).data);
    expect(mx).toEqual([
      { preference: 10, exchange: "mx1.good.test" },
      { preference: 20, exchange: "mx2.good.test" },
    ]);
    const { mx: hosts } = await world.endpoints();
    expect((await ask(world.dns, "mx2.good.test", "A")).answers).toMatchObject([
      { data: hosts["mx2.good.test"]?.address },
    ]);
    const { port } = world.https;
    await world.close();
    await expect(once(connectTcp(port, "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
  });

  it("changes ids, forges NXDOMAIN and MX, and lifts the forgeries", async () => {
    const world = await createWorld();
    await world.domain("good.test", { policy: POLICY });
    await world.setId("good.test", "2");
    expect(txt(await ask(world.dns, "_mta-sts.good.test"))).toEqual(["v=STSv1; id=2;"]);
    for (const [names, name] of [
      ["record", "_mta-sts.good.test"],
      ["policy-host", "mta-sts.good.test"],
      ["mx", "good.test"],
      ["all", "good.test"],
    ] as const) {
      await world.forgeNxdomain("good.test", names);
      expect((await ask(world.dns, name, "MX")).rcode).toBe("NXDOMAIN");
      await world.unforge("good.test");
      expect((await ask(world.dns, name, "MX")).rcode).toBe("NOERROR");
    }
    const rogue = { exchange: ["x:evil.net:y", "good", "test"], preference: 1 };
    await world.forgeMx("good.test", [rogue, "mx.evil.test"]);
    const { mx } = await world.endpoints();
    expect(Object.keys(mx)).toEqual(["mx.good.test", "x\\058evil\\046net\\058y.good.test", "mx.evil.test"]);
    expect((await ask(world.dns, "mx.evil.test", "A")).answers).toMatchObject([{ data: mx["mx.evil.test"]?.address }]);
    await world.setDnsOutage({ answer: "servfail" });
    expect((await ask(world.dns, "good.test", "MX")).rcode).toBe("SERVFAIL");
    await world.close();
  });

  it("gives a policy host an address of its own, another in DNS, or one where nobody listens", async () => {
    const world = await createWorld();
    const address = async () =>
      (await ask(world.dns, "mta-sts.own.test", "A")).answers?.map((a) => (a as { data: string }).data);
    await world.domain("own.test", { policy: POLICY, policyHost: { address: "127.44.0.1" } });
    expect(await address()).toEqual(["127.44.0.1"]);
    await world.breakPolicyHost("own.test", "down");
    expect(await address()).toEqual(["127.99.99.99"]);
    await world.mendPolicyHost("own.test");
    expect(await address()).toEqual(["127.44.0.1"]);
    await world.domain("own.test", { policy: POLICY, policyHost: { dnsAddresses: ["10.0.0.1", "fd00::1"] } });
    expect(await address()).toEqual(["10.0.0.1"]);
    await world.close();
  });

  it("mends a policy host to the policy that was set last", async () => {
    const world = await createWorld();
    await world.domain("good.test", { policy: POLICY });
    await world.setPolicy("good.test", { mode: "testing", mx: ["mx.good.test"], maxAge: 60 });
    await world.breakPolicyHost("good.test", { behaviour: { kind: "status", status: 500 }, certificate: "expired" });
    expect((await get(world, "good.test", has("\r\n\r\n"))).text).toMatch(/ 500 /);
    await world.mendPolicyHost("good.test");
    const mended = await get(world, "good.test", has("max_age"));
    expect([mended.text.includes("mode: testing"), mended.tls.authorizationError]).toEqual([true, null]);
    await world.close();
  });
});

describe("a lab in a process of its own", () => {
  it("starts from a description, is steered, and reports", async () => {
    const lab = await startLab({ domains: { "good.test": { policy: POLICY, id: "1" } } });
    expect(lab.ready.caPem).toContain("BEGIN CERTIFICATE");
    const resolver = new Resolver();
    resolver.setServers([`${lab.ready.dns.address}:${lab.ready.dns.port}`]);
    await lab.world.setId("good.test", "2");
    expect(await resolver.resolveTxt("_mta-sts.good.test")).toEqual([["v=STSv1; id=2;"]]);
    expect(await lab.world.queries("_mta-sts.good.test", "TXT")).toHaveLength(1);
    await lab.world.setDns("bytes.test", "TXT", [[Buffer.of(0, 0xff), new Uint8Array([0x41])]]);
    expect((await ask(lab.ready.dns, "bytes.test")).answers).toMatchObject([
      { data: [Buffer.of(0, 0xff), Buffer.of(0x41)] },
    ]);
    await expect(lab.world.setPolicy("nobody.test", POLICY)).rejects.toThrow("nobody.test has no policy host");
    // A command that waits does not hold up the next one.
    const waiting = lab.world.waitForQuery("later.test", "TXT");
    expect(await lab.world.deliveries()).toEqual([]);
    await expect(resolver.resolveTxt("later.test")).rejects.toThrow();
    await waiting;
    await lab.close();
    await expect(lab.world.deliveries()).rejects.toThrow("after the lab process ended");
  });

  it("says why it could not start", async () => {
    await expect(startLab({ dnsAddress: "192.0.2.1" })).rejects.toThrow("EADDRNOTAVAIL");
  });
});

describe("a network namespace", () => {
  const obstacle = namespaceObstacle();

  it("runs a lab on ports 53, 443 and 25, found through resolv.conf by an ordinary program", async ({ skip }) => {
    if (obstacle !== null) skip(obstacle);
    const namespace = await Namespace.create();
    const lab = await startLab(
      { dnsPort: 53, httpsPort: 443, smtpPort: 25, domains: { "good.test": { policy: POLICY } } },
      namespace,
    );
    const program = `
      const { promises: dns } = require("node:dns");
      const tls = require("node:tls");
      (async () => {
        const { address } = await dns.lookup("mta-sts.good.test");
        const socket = tls.connect({ host: "mta-sts.good.test", port: 443, servername: "mta-sts.good.test", ca: process.env.CA });
        await new Promise((resolve) => socket.once("secureConnect", resolve));
        const mx = await dns.lookup("mx.good.test");
        const smtp = require("node:net").connect(25, mx.address);
        const greeting = await new Promise((resolve) => smtp.once("data", (data) => resolve(String(data))));
        console.log(JSON.stringify({ address, authorized: socket.authorized, greeting }));
        process.exit(0);
      })();`;
    const env = { ...process.env, CA: lab.ready.caPem };
    const { stdout, stderr, code } = await namespace.run(process.execPath, ["-e", program], { env });
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(JSON.parse(stdout)).toEqual({
      address: "127.0.0.1",
      authorized: true,
      greeting: "220 mx.good.test ESMTP\r\n",
    });
    expect((await lab.world.queries("mta-sts.good.test", "A")).length).toBeGreaterThan(0);
    await expect(lookup("mta-sts.good.test")).rejects.toThrow();
    await lab.close();
    await namespace.close();
    expect(existsSync(`/etc/netns/${namespace.name}`)).toBe(false);
    expect(existsSync(`/run/netns/${namespace.name}`)).toBe(false);
  });

  it("takes input, kills what outlives its patience, and ends what is left inside", async ({ skip }) => {
    if (obstacle !== null) skip(obstacle);
    const namespace = await Namespace.create({ etc: { hosts: "127.0.0.1 localhost only.here\n" } });
    expect(await namespace.run("cat", [], { input: "hello" })).toMatchObject({ code: 0, stdout: "hello" });
    expect((await namespace.run("cat", ["/etc/hosts"])).stdout).toContain("only.here");
    expect(await namespace.run("sleep", ["60"], { timeout: 50 })).toMatchObject({ code: null, signal: "SIGKILL" });
    const child = namespace.spawn("sleep", ["60"]);
    await once(child, "spawn");
    const ended = once(child, "close");
    await namespace.run("true");
    await namespace.close();
    expect(await ended).toEqual([null, "SIGKILL"]);
  });
});
