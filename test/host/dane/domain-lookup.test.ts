import { afterEach, describe, expect, it } from "vitest";
import { loadCoreSync } from "../../../host/core/load.ts";
import { lookUpDane } from "../../../host/dane/domain-lookup.ts";
import { a, cname, mx } from "../dns/message-builder.ts";
import type { Reply } from "../dns/scripted-server.ts";
import { insecure, none, type ScriptedZone, scriptedZone, secure, servfail, tlsa } from "./scripted-zone.ts";

const core = loadCoreSync();
const zones: ScriptedZone[] = [];
afterEach(async () => {
  for (const zone of zones.splice(0)) await zone.close();
});

async function zoneOf(answers: Readonly<Record<string, Reply>>): Promise<ScriptedZone> {
  const zone = await scriptedZone(answers);
  zones.push(zone);
  return zone;
}

const DOMAIN = "a.example";
const MX = "mx.a.example";
const OWNER = `_25._tcp.${MX}`;
const USABLE = secure(tlsa(OWNER));
const UNUSABLE = secure(tlsa(OWNER, Buffer.concat([Buffer.from([1, 1, 1]), Buffer.alloc(32)])));

async function look(answers: Readonly<Record<string, Reply>>, { port = 25, bracketed = false, domain = DOMAIN } = {}) {
  const zone = await zoneOf({ [`MX ${DOMAIN}`]: secure(mx(DOMAIN, 300, 10, MX)), ...answers });
  const findings = await lookUpDane(zone.dns, core, { domain, port, bracketed }, AbortSignal.timeout(5_000));
  return { findings, asked: zone.asked };
}

/** The state of the only host, and its base domain. */
async function stateOf(answers: Readonly<Record<string, Reply>>) {
  const { findings, asked } = await look(answers);
  if (findings.kind === "failed") throw new Error(findings.detail);
  const [host] = findings.hosts;
  return { said: [host?.state, host?.base].filter(Boolean).join(" "), asked };
}

describe("the DANE state of an MX host without an alias", () => {
  it.each<[string, Readonly<Record<string, Reply>>, string]>([
    [
      "secure usable TLSA (R-7672-2.2-01, R-7672-2.2.2-04)",
      { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")), [`TLSA ${OWNER}`]: USABLE },
      `usable ${MX}`,
    ],
    [
      "secure unusable TLSA (R-7672-2.2-02)",
      { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")), [`TLSA ${OWNER}`]: UNUSABLE },
      `unusable ${MX}`,
    ],
    ["secure denial (R-7672-2.2-03)", { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")) }, "absent"],
    [
      "insecure TLSA (R-7672-2.2-03)",
      { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")), [`TLSA ${OWNER}`]: insecure(tlsa(OWNER)) },
      "insecure",
    ],
    [
      "TLSA lookup failed (R-7672-2.2-04, R-7672-2.1.2-03)",
      { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")), [`TLSA ${OWNER}`]: servfail },
      "failed",
    ],
    ["no addresses (R-7672-2.2.2-03)", {}, "no-address"],
    ["address lookup failed (R-7672-2.1.2-03)", { [`A ${MX}`]: servfail, [`AAAA ${MX}`]: servfail }, "address-failed"],
  ])("%s", async (_row, answers, said) => {
    expect((await stateOf(answers)).said).toBe(said);
  });

  it("is insecure with insecure addresses, and no TLSA query is made (R-7672-2.2.2-02)", async () => {
    const { said, asked } = await stateOf({
      [`A ${MX}`]: insecure(a(MX, 60, "192.0.2.1")),
      [`TLSA ${OWNER}`]: servfail,
    });
    expect(said).toBe("insecure");
    expect(asked).toEqual([`MX ${DOMAIN}`, `A ${MX}`]);
  });

  it("is asked for after its addresses (R-7672-2.2.2-01)", async () => {
    const { asked } = await stateOf({ [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")), [`TLSA ${OWNER}`]: USABLE });
    expect(asked).toEqual([`MX ${DOMAIN}`, `A ${MX}`, `TLSA ${OWNER}`]);
  });

  it("asks at the port that mail goes to (R-7672-2.2.3-01)", async () => {
    const { asked } = await look(
      { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")) },
      { port: 587, bracketed: true, domain: MX },
    );
    expect(asked).toEqual([`A ${MX}`, `TLSA _587._tcp.${MX}`]);
  });

  it("takes a full certificate or key that cannot be read for unusable (R-6698-4.1-01)", async () => {
    const garbage = Buffer.from([3, 0, 0, 0x30, 1, 0]);
    const answers = { [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")), [`TLSA ${OWNER}`]: secure(tlsa(OWNER, garbage)) };
    expect((await stateOf(answers)).said).toBe(`unusable ${MX}`);
  });
});

describe("the DANE state of an MX host that is an alias", () => {
  const TARGET = "host.b.example";
  const address = a(TARGET, 60, "192.0.2.1");
  const chain = [cname(MX, 60, TARGET), address];
  const FAR = `_25._tcp.${TARGET}`;

  it("tries the expanded name first, then the original one, and no name between (R-7672-2.2.2-06)", async () => {
    const between = "mid.b.example";
    const answers = {
      [`A ${MX}`]: secure(cname(MX, 60, between), cname(between, 60, TARGET), address),
      [`TLSA ${OWNER}`]: USABLE,
    };
    const { said, asked } = await stateOf(answers);
    expect(said).toBe(`usable ${MX}`);
    expect(asked.slice(2)).toEqual([`TLSA ${FAR}`, `TLSA ${OWNER}`]);
  });

  it("stops at the first name with secure records, usable or not (R-7672-2.2.3-03)", async () => {
    const unusable = secure(tlsa(FAR, Buffer.concat([Buffer.from([0, 0, 1]), Buffer.alloc(32)])));
    for (const [reply, said] of [
      [secure(tlsa(FAR)), `usable ${TARGET}`],
      [unusable, `unusable ${TARGET}`],
    ] as const) {
      const found = await stateOf({ [`A ${MX}`]: secure(...chain), [`TLSA ${FAR}`]: reply, [`TLSA ${OWNER}`]: USABLE });
      expect(found.said).toBe(said);
      expect(found.asked).not.toContain(`TLSA ${OWNER}`);
    }
  });

  it("fails with the lookup of the first name, whatever stands at the second (R-7672-2.1.2-03)", async () => {
    const answers = { [`A ${MX}`]: secure(...chain), [`TLSA ${FAR}`]: servfail, [`TLSA ${OWNER}`]: USABLE };
    expect((await stateOf(answers)).said).toBe("failed");
  });

  it("asks for the alias itself when what it leads to is insecure, and keeps the original name if that link is secure (R-7672-2.1.3-02, R-7672-2.2.2-05)", async () => {
    const answers = {
      [`A ${MX}`]: insecure(...chain),
      [`CNAME ${MX}`]: secure(cname(MX, 60, TARGET)),
      [`TLSA ${OWNER}`]: USABLE,
    };
    const { said, asked } = await stateOf(answers);
    expect(said).toBe(`usable ${MX}`);
    expect(asked).not.toContain(`TLSA ${FAR}`);
  });

  it("does not apply when the alias itself is insecure (R-7672-2.2.2-05)", async () => {
    const answers = { [`A ${MX}`]: insecure(...chain), [`CNAME ${MX}`]: insecure(cname(MX, 60, TARGET)) };
    const { said, asked } = await stateOf(answers);
    expect(said).toBe("insecure");
    expect(asked.filter((query) => query.startsWith("TLSA"))).toEqual([]);
  });

  it("is insecure from its first insecure link on, also when that comes in a second answer (R-7672-2.1.3-01)", async () => {
    const answers = {
      [`A ${MX}`]: insecure(cname(MX, 60, TARGET)),
      [`A ${TARGET}`]: secure(address),
      [`CNAME ${MX}`]: insecure(cname(MX, 60, TARGET)),
    };
    expect((await stateOf(answers)).said).toBe("insecure");
  });

  it("follows an alias at the TLSA owner without changing the base domain (R-7672-2.2.3-02)", async () => {
    const owner = "tlsa201._dane.a.example";
    const answers = {
      [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")),
      [`TLSA ${OWNER}`]: secure(cname(OWNER, 60, owner), tlsa(owner)),
    };
    expect((await stateOf(answers)).said).toBe(`usable ${MX}`);
  });
});

describe("the destination", () => {
  it("waits when its MX lookup fails: no falling back to addresses (R-7672-2.1.2-01, R-5321-5.1-02)", async () => {
    const { findings, asked } = await look({
      [`MX ${DOMAIN}`]: servfail,
      [`A ${DOMAIN}`]: secure(a(DOMAIN, 60, "192.0.2.1")),
    });
    expect(findings).toMatchObject({ kind: "failed", detail: expect.stringContaining("SERVFAIL") });
    expect(asked).toEqual([`MX ${DOMAIN}`]);
  });

  it("with an unsigned MX names its hosts and asks nothing more (R-7672-2.2.1-03)", async () => {
    const { findings, asked } = await look({ [`MX ${DOMAIN}`]: insecure(mx(DOMAIN, 60, 10, MX)) });
    expect(findings).toMatchObject({ mx: "insecure", hosts: [{ host: MX, state: "insecure" }] });
    expect(asked).toEqual([`MX ${DOMAIN}`]);
  });

  it("without MX records is its own host, as secure as their absence (R-5321-5.1-03)", async () => {
    const owner = `_25._tcp.${DOMAIN}`;
    const answers = {
      [`MX ${DOMAIN}`]: none(),
      [`A ${DOMAIN}`]: secure(a(DOMAIN, 60, "192.0.2.1")),
      [`TLSA ${owner}`]: secure(tlsa(owner)),
    };
    expect((await look(answers)).findings).toMatchObject({
      mx: "implicit",
      hosts: [{ host: DOMAIN, state: "usable" }],
    });
  });

  it("with a Null MX has no hosts, and nobody is asked for any (R-7505-3-01)", async () => {
    const { findings, asked } = await look({ [`MX ${DOMAIN}`]: secure(mx(DOMAIN, 60, 0, "")) });
    expect(findings).toMatchObject({ kind: "found", hosts: [] });
    expect(asked).toEqual([`MX ${DOMAIN}`]);
  });

  it("with the root beside other hosts has one host less (R-7505-3-02)", async () => {
    const records = secure(mx(DOMAIN, 60, 0, ""), mx(DOMAIN, 60, 10, MX));
    const { findings } = await look({
      [`MX ${DOMAIN}`]: records,
      [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")),
      [`TLSA ${OWNER}`]: USABLE,
    });
    expect(findings).toMatchObject({
      hosts: [
        { host: "", state: "no-address" },
        { host: MX, state: "usable" },
      ],
    });
  });

  it("keeps its other hosts when one has broken DNS (R-7672-2.1.2-02, R-7672-2.2.1-01)", async () => {
    const records = secure(
      mx(DOMAIN, 60, 10, "mx1.a.example"),
      mx(DOMAIN, 60, 20, MX),
      mx(DOMAIN, 60, 30, "mx3.a.example"),
    );
    const { findings } = await look({
      [`MX ${DOMAIN}`]: records,
      "A mx1.a.example": servfail,
      "AAAA mx1.a.example": servfail,
      [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")),
      [`TLSA ${OWNER}`]: USABLE,
      "A mx3.a.example": secure(a("mx3.a.example", 60, "192.0.2.3")),
    });
    expect(findings).toMatchObject({ hosts: [{ state: "address-failed" }, { state: "usable" }, { state: "absent" }] });
  });

  it("takes a bare address in an MX record for what it is (R-7672-2.2-05)", async () => {
    const { findings, asked } = await look({ [`MX ${DOMAIN}`]: secure(mx(DOMAIN, 60, 10, "192.0.2.1")) });
    expect(findings).toMatchObject({ hosts: [{ host: "192.0.2.1", state: "insecure" }] });
    expect(asked).toEqual([`MX ${DOMAIN}`]);
  });

  it("says what its MX, or an alias of the domain, leads to, and for how long (R-7672-3.2.2-01)", async () => {
    const far = "b.example";
    const { findings } = await look({
      [`MX ${DOMAIN}`]: secure(cname(DOMAIN, 200, far), mx(far, 300, 10, MX)),
      [`A ${MX}`]: secure(a(MX, 60, "192.0.2.1")),
      [`TLSA ${OWNER}`]: secure(tlsa(OWNER, undefined, 7)),
    });
    expect(findings).toMatchObject({ expanded: far, ttl: 7 });
  });

  it("looks up so many hosts and no more; the rest count as failed, never as without DANE", async () => {
    const records = Array.from({ length: 100 }, (_, i) => mx(DOMAIN, 60, i, `m${i}.a.example`));
    const { findings, asked } = await look({ [`MX ${DOMAIN}`]: secure(...records.slice(0, 100)) });
    if (findings.kind !== "found") throw new Error("not found");
    expect(findings.hosts.filter(({ state }) => state === "no-address").length).toBe(64);
    expect(findings.hosts.filter(({ state }) => state === "failed").length).toBe(36);
    expect(asked.length).toBe(65);
  });
});
