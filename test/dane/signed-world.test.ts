import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Lab, startLab } from "../lab/lab-client.ts";
import { Namespace } from "../lab/namespace.ts";
import { makeWorkDirectory, removeWorkDirectory } from "../postfix/work-directory.ts";
import { LAB_DNS, SignedWorld, signedWorldObstacle } from "./signed-world.ts";
import { daneDomains, publishTlsa, specsOf, under, zonesOf } from "./signed-zones.ts";

// The world itself is checked before anything is proven in it: the resolver validates, and says so.

const obstacle = signedWorldObstacle();
const title = "the signed world";
describe.skipIf(obstacle)(obstacle === null ? title : `${title} [${obstacle}]`, () => {
  let namespace: Namespace;
  let lab: Lab;
  let signed: SignedWorld;
  const directory = makeWorkDirectory();

  beforeAll(async () => {
    namespace = await Namespace.create();
    const domains = { ...specsOf(daneDomains), "plain.test": {} };
    lab = await startLab({ dnsAddress: LAB_DNS, dnsPort: 53, httpsPort: 443, smtpPort: 25, domains }, namespace);
    await publishTlsa(lab.world, daneDomains);
    signed = await SignedWorld.start({ namespace, directory, world: lab.world, zones: zonesOf(daneDomains) });
  });
  afterAll(async () => {
    await signed?.close();
    await lab?.close();
    await namespace?.close();
    removeWorkDirectory(directory);
  });

  /** "NOERROR AD 1": the reply code, whether the answer is authenticated, how many records of the type it has. */
  async function ask(name: string, type: string): Promise<string> {
    const { stdout } = await namespace.run("drill", ["-D", name, type]);
    const code = /rcode: (\w+)/.exec(stdout)?.[1] ?? stdout;
    const ad = /flags:[^;]* ad[ ;]/.test(stdout) ? " AD" : "";
    const answers = stdout
      .split("\n")
      .filter((line) => new RegExp(`\\sIN\\s+${type}\\s`).test(line) && line[0] !== ";");
    return `${code}${ad} ${answers.length}`;
  }
  const mx = (label: string) => ask(under(label), "MX");
  const tlsa = (label: string) => ask(`_25._tcp.mx.${under(label)}`, "TLSA");

  it("answers for signed zones with AD, records and denials alike (R-7672-2.1.1-01, R-7672-2.1.1-03)", async () => {
    for (const label of ["secure", "nsec3", "mismatch", "unusable", "ta"])
      expect([label, await mx(label), await tlsa(label)]).toEqual([label, "NOERROR AD 1", "NOERROR AD 1"]);
    // An NSEC3 opt-out span could not be vouched for; these have none.
    for (const label of ["absent", "absent-nsec3"])
      expect([label, await mx(label), await tlsa(label)]).toEqual([label, "NOERROR AD 1", "NXDOMAIN AD 0"]);
    expect(await ask(`mx.${under("secure")}`, "A")).toBe("NOERROR AD 1");
    expect(await ask(`mx.${under("secure")}`, "AAAA")).toBe("NOERROR AD 0");
  });

  it("answers for an insecure delegation, and outside the island, without AD (R-7672-2.1.1-03)", async () => {
    expect([await mx("insecure"), await tlsa("insecure")]).toEqual(["NOERROR 1", "NOERROR 1"]);
    expect(await ask("plain.test", "MX")).toBe("NOERROR 1");
  });

  it("answers SERVFAIL where nothing validates (R-7672-2.1.1-01)", async () => {
    for (const label of ["bogus", "expired", "tampered-mx"])
      expect([label, await mx(label)]).toEqual([label, "SERVFAIL 0"]);
    expect([await mx("tampered-tlsa"), await tlsa("tampered-tlsa")]).toEqual(["NOERROR AD 1", "SERVFAIL 0"]);
  });

  it("answers SERVFAIL for TLSA records whose server fails, beside an MX that is well (R-7672-2.1.2-03)", async () => {
    expect([await mx("servfail"), await tlsa("servfail")]).toEqual(["NOERROR AD 1", "SERVFAIL 0"]);
  });

  it("is only as secure as the weakest link of an alias (R-7672-2.1.3-01, R-7672-2.1.3-02)", async () => {
    expect(await ask(`mx.${under("alias")}`, "A")).toBe("NOERROR AD 1");
    expect(await ask(`mx.${under("alias-out")}`, "A")).toBe("NOERROR 1");
    expect(await ask(`mx.${under("alias-out")}`, "CNAME")).toBe("NOERROR AD 1");
  });

  it("expands a wildcard TLSA record and proves the expansion (R-7672-2.2.3-02)", async () => {
    expect(await tlsa("wildcard")).toBe("NOERROR AD 1");
  });

  it("signs a zone anew as the lab has changed it", async () => {
    await lab.world.setTlsa(`mx.${under("absent")}`, "own");
    await signed.publish();
    expect(await tlsa("absent")).toBe("NOERROR AD 1");
  });
});
