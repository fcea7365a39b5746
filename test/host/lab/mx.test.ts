import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MxBehaviour } from "../../lab/mx-server.ts";
import { SmtpProbe } from "../../lab/smtp-probe.ts";
import { createWorld, type World } from "../../lab/world.ts";

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
