import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertificateKind } from "../../lab/ca.ts";
import { get, has, octets, REQUEST } from "../../lab/https-probe.ts";
import type { PolicyBehaviour } from "../../lab/policy-behaviour.ts";
import { createWorld, type World } from "../../lab/world.ts";

const POLICY = { mode: "enforce", mx: ["*.good.test"], maxAge: 86_400 } as const;
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
