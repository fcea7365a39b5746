import { lookup, Resolver } from "node:dns/promises";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { describe, expect, it } from "vitest";
import { ask, txt } from "../../lab/dns-probe.ts";
import { get, has } from "../../lab/https-probe.ts";
import { startLab } from "../../lab/lab-client.ts";
import { Namespace, namespaceObstacle } from "../../lab/namespace.ts";
import { createWorld } from "../../lab/world.ts";

const POLICY = { mode: "enforce", mx: ["*.good.test"], maxAge: 86_400 } as const;

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
