import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Core } from "../../../host/core/core.ts";
import { loadCoreSync } from "../../../host/core/load.ts";
import { type PeerVerdict, verifyPeer } from "../../../host/dane/verify-peer.ts";
import {
  ca,
  days,
  der,
  directory,
  dns,
  email,
  extension,
  type Issued,
  issue,
  KeyUsageFlags,
  NOW,
  nameConstraints,
  tlsa,
} from "./certificates.ts";

const HOST = "mx.example.com";
const core: Core = loadCoreSync();

interface Asked {
  readonly references?: readonly string[];
  readonly allowCommonName?: boolean;
  readonly now?: number;
}

function verify(sent: readonly Pick<Issued, "der">[], records: readonly Uint8Array[], more: Asked = {}): PeerVerdict {
  const certificates = sent.map(({ der }) => der);
  return verifyPeer(core, { certificates, records, references: [HOST], now: NOW, ...more });
}

/** "dane-ta", or what it failed of: the chain's fault, or the name. */
function verdict(...args: Parameters<typeof verify>): string {
  const { authenticated, chain } = verify(...args);
  return authenticated ? chain : chain === "dane-ta" ? "name" : chain;
}

describe("DANE-EE", () => {
  it("the server's own key or certificate matches, by each selector and matching type (R-6698-2.1-01)", async () => {
    const leaf = await issue({ names: [HOST] });
    for (const selector of [0, 1])
      for (const matching of [0, 1, 2]) expect(verdict([leaf], [tlsa(3, selector, matching, leaf)])).toBe("dane-ee");
  });

  it("an expired, nameless, self-signed certificate of an odd purpose is as good (R-7672-3.1.1-01)", async () => {
    const leaf = await issue({
      to: days(-1),
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
      ca: true,
      algorithm: "RSA-1024",
    });
    expect(verdict([leaf], [tlsa(3, 1, 1, leaf)], { references: [] })).toBe("dane-ee");
    expect(
      verdict(
        [await issue({ from: days(1) })].flatMap((one) => [one]),
        [],
      ),
    ).toBe("dane-no-match");
  });

  it("is about the server's own certificate alone, not about another that it sent", async () => {
    const [leaf, other] = await Promise.all([issue({ names: [HOST] }), issue({ names: [HOST] })]);
    expect(verdict([leaf, other], [tlsa(3, 1, 1, other)])).toBe("dane-no-match");
  });

  it("one of several records is enough; SHA-256 counts for nothing beside SHA-512 (R-6698-4-01, R-7671-9-01)", async () => {
    const [leaf, next] = await Promise.all([issue(), issue()]);
    expect(verdict([leaf], [tlsa(3, 1, 1, next), tlsa(3, 1, 1, leaf)])).toBe("dane-ee");
    expect(verdict([leaf], [tlsa(3, 1, 2, next), tlsa(3, 1, 1, leaf)])).toBe("dane-no-match");
  });

  it("usages 0 and 1 match nobody (R-7672-3.1.3-01)", async () => {
    const leaf = await issue({ names: [HOST] });
    for (const usage of [0, 1]) expect(verdict([leaf], [tlsa(usage, 1, 1, leaf)])).toBe("dane-no-match");
  });

  it("a key is compared as it stands in the certificate, not as a library writes it anew (R-6698-2.1-01)", async () => {
    const leaf = await issue({ algorithm: "RSA-2048" });
    // RFC 4055 asks for NULL parameters; a key without them is another octet string of the same key.
    const record = tlsa(3, 1, 0, leaf);
    expect(verdict([leaf], [record])).toBe("dane-ee");
    const other = Uint8Array.from(record);
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    expect(verdict([leaf], [other])).toBe("dane-no-match");
  });
});

describe("DANE-TA", () => {
  let root: Issued;
  let intermediate: Issued;
  let leaf: Issued;

  beforeAll(async () => {
    root = await ca({ subject: "CN=Root" });
    intermediate = await ca({ subject: "CN=Intermediate", issuer: root });
    leaf = await issue({ names: [HOST], issuer: intermediate });
  });

  it("an issuer that was sent matches, by each selector and matching type (R-7672-3.1.2-01)", () => {
    for (const anchor of [root, intermediate])
      for (const selector of [0, 1])
        for (const matching of [0, 1, 2])
          expect(verdict([leaf, intermediate, root], [tlsa(2, selector, matching, anchor)])).toBe("dane-ta");
  });

  it("certificates may come in any order, with strangers among them", async () => {
    const stranger = await ca();
    expect(verdict([leaf, stranger, root, intermediate], [tlsa(2, 0, 1, root)])).toBe("dane-ta");
  });

  it("an anchor that the record holds in full need not be sent; one it only digests must be (R-7672-3.1.2-01)", () => {
    for (const selector of [0, 1]) {
      expect(verdict([leaf, intermediate], [tlsa(2, selector, 0, root)])).toBe("dane-ta");
      expect(verdict([leaf], [tlsa(2, selector, 0, intermediate)])).toBe("dane-ta");
      for (const matching of [1, 2])
        expect(verdict([leaf, intermediate], [tlsa(2, selector, matching, root)])).toBe("dane-no-match");
    }
  });

  it("an anchor that issued nothing here is of no use", async () => {
    const stranger = await ca({ subject: "CN=Root" });
    expect(verdict([leaf, intermediate, stranger], [tlsa(2, 0, 1, stranger)])).toBe("untrusted");
    expect(verdict([leaf, intermediate], [tlsa(2, 0, 0, stranger)])).toBe("untrusted");
    expect(verdict([leaf, intermediate], [tlsa(2, 1, 0, stranger)])).toBe("untrusted");
    // The way from the leaf to it is missing.
    expect(verdict([leaf, root], [tlsa(2, 0, 1, root)])).toBe("untrusted");
  });

  it("the server's own certificate is no issuer, even when it is sent twice", async () => {
    const own = await ca({ names: [HOST] });
    for (const matching of [1, 2]) {
      expect(verdict([own], [tlsa(2, 1, matching, own)])).toBe("dane-no-match");
      expect(verdict([own, own], [tlsa(2, 1, matching, own)])).toBe("dane-no-match");
    }
  });

  it("one of the names must be the server's: base domain, and the next hop where the MX was signed (R-7672-3.2.2-01)", async () => {
    const of = async (...names: string[]) => [await issue({ names, issuer: root }), root];
    const record = [tlsa(2, 0, 1, root)];
    expect(verdict(await of("other.example", HOST), record)).toBe("dane-ta");
    expect(verdict(await of("example.com"), record)).toBe("name");
    expect(verdict(await of("example.com"), record, { references: [HOST, "example.com"] })).toBe("dane-ta");
    expect(verdict(await of(HOST), record, { references: [] })).toBe("name");
  });

  it("a wildcard is a whole first label (R-7672-3.2.3-01)", async () => {
    const names = { "*.example.com": "dane-ta", "m*.example.com": "name", "*.com": "name", "*.mx.example.com": "name" };
    for (const [name, expected] of Object.entries(names)) {
      const sent = [await issue({ names: [name], issuer: root }), root];
      expect([name, verdict(sent, [tlsa(2, 0, 1, root)])]).toEqual([name, expected]);
    }
  });

  it("a CN counts on request only, and only where there is no DNS name (R-7672-3.2.3-01, AMB-20)", async () => {
    const record = [tlsa(2, 0, 1, root)];
    const only = [await issue({ subject: `CN=${HOST}`, issuer: root }), root];
    const beside = [await issue({ subject: `CN=${HOST}`, names: ["other.example"], issuer: root }), root];
    const bad = [await issue({ subject: `CN=${HOST}`, names: ["a b"], issuer: root }), root];
    expect(verdict(only, record)).toBe("name");
    expect(verdict(only, record, { allowCommonName: true })).toBe("dane-ta");
    expect(verdict(beside, record, { allowCommonName: true })).toBe("name");
    expect(verdict(bad, record, { allowCommonName: true })).toBe("name");
  });

  it("every certificate of the path must be within its dates, to the second (R-7672-3.1.2-01)", async () => {
    const old = await ca({ subject: "CN=Root", keys: root.keys, to: days(-1) });
    const oldIntermediate = await ca({
      subject: "CN=Intermediate",
      keys: intermediate.keys,
      issuer: root,
      to: days(-1),
    });
    const early = await ca({ subject: "CN=Intermediate", keys: intermediate.keys, issuer: root, from: days(1) });
    const oldLeaf = await issue({ names: [HOST], issuer: root, to: days(-1) });
    expect(verdict([oldLeaf, root], [tlsa(2, 0, 1, root)])).toBe("expired");
    expect(verdict([leaf, oldIntermediate, root], [tlsa(2, 0, 1, root)])).toBe("expired");
    expect(verdict([leaf, early, root], [tlsa(2, 0, 1, root)])).toBe("not-yet-valid");
    expect(verdict([leaf, intermediate, old], [tlsa(2, 1, 1, old)])).toBe("expired");
    expect(verdict([leaf, intermediate, root], [tlsa(2, 0, 1, root)], { now: days(10) })).toBe("dane-ta");
    expect(verdict([leaf, intermediate, root], [tlsa(2, 0, 1, root)], { now: days(10) + 1000 })).toBe("expired");
    expect(verdict([leaf, intermediate, root], [tlsa(2, 0, 1, root)], { now: days(-10) - 1000 })).toBe("not-yet-valid");
  });

  it("another certificate for the same name and key saves a path whose first is expired", async () => {
    const old = await ca({ subject: "CN=Intermediate", keys: intermediate.keys, issuer: root, to: days(-1) });
    expect(verdict([leaf, old, intermediate, root], [tlsa(2, 0, 1, root)])).toBe("dane-ta");
  });

  it("who is no CA issues nothing: no flag, none at all, or a key that must not sign certificates", async () => {
    for (const options of [{ ca: false }, { ca: null }, { ca: true, keyUsage: KeyUsageFlags.digitalSignature }]) {
      const issuer = await issue({ subject: "CN=No CA", issuer: root, ...options });
      const sent = [await issue({ names: [HOST], issuer }), issuer, root];
      expect(verdict(sent, [tlsa(2, 0, 1, root)])).not.toBe("dane-ta");
      expect(verdict(sent, [tlsa(2, 1, 1, issuer)])).not.toBe("dane-ta");
    }
  });

  it("a path is no longer than its CAs allow; that of the anchor counts with selector Cert(0) (R-7672-3.1.2-02)", async () => {
    const short = await ca({ subject: "CN=Short", pathLength: 0 });
    const between = await ca({ subject: "CN=Between", issuer: short });
    const far = [await issue({ names: [HOST], issuer: between }), between, short];
    expect(verdict([await issue({ names: [HOST], issuer: short }), short], [tlsa(2, 0, 1, short)])).toBe("dane-ta");
    for (const matching of [0, 1, 2]) {
      expect(verdict(far, [tlsa(2, 0, matching, short)])).toBe("invalid");
      expect(verdict(far, [tlsa(2, 1, matching, short)])).toBe("dane-ta");
    }
    // An intermediate's own is never waived.
    const limited = await ca({ subject: "CN=Limited", issuer: root, pathLength: 0 });
    const below = await ca({ subject: "CN=Below", issuer: limited });
    const deep = [await issue({ names: [HOST], issuer: below }), below, limited, root];
    expect(verdict(deep, [tlsa(2, 1, 1, root)])).toBe("invalid");
  });

  it("a self-issued certificate, as of a key change, takes no place in the path length (RFC 5280 §4.2.1.9)", async () => {
    const short = await ca({ subject: "CN=Short", pathLength: 0 });
    const changed = await ca({ subject: "CN=Short", issuer: short });
    const sent = [await issue({ names: [HOST], issuer: changed }), changed, short];
    expect(verdict(sent, [tlsa(2, 0, 1, short)])).toBe("dane-ta");
  });

  describe("name constraints (R-7672-3.1.2-02)", () => {
    const rows: readonly [
      string,
      readonly Buffer[],
      readonly Buffer[],
      Partial<Parameters<typeof issue>[0]>,
      string,
    ][] = [
      ["the name is within", [dns("example.com")], [], {}, "dane-ta"],
      ["the name itself is permitted", [dns("MX.example.com")], [], {}, "dane-ta"],
      ["the name is not within", [dns("example.net")], [], {}, "invalid"],
      ["a longer label is not within", [dns("ample.com")], [], {}, "invalid"],
      ["a leading dot asks for a label more", [dns(".mx.example.com")], [], {}, "invalid"],
      ["the name is excluded", [], [dns("example.com")], {}, "invalid"],
      ["another name is excluded", [], [dns("a.example.com")], {}, "dane-ta"],
      ["exclusion wins", [dns("example.com")], [dns("mx.example.com")], {}, "invalid"],
      ["a wildcard covers an excluded name", [], [dns("a.example.com")], { names: ["*.example.com"] }, "invalid"],
      ["one name of several is not within", [dns("example.com")], [], { names: [HOST, "b.example.net"] }, "invalid"],
      ["the empty name permits all", [dns("")], [], {}, "dane-ta"],
      ["a subtree with a minimum", [Buffer.concat([dns("example.com"), der(0x80, Buffer.of(0))])], [], {}, "invalid"],
      ["a leaf of its issuer's name", [], [dns("example.com")], { subject: "CN=Constrained" }, "invalid"],
      ["a form that is not compared, without such a name", [], [email("example.net")], {}, "dane-ta"],
      ["a form that is not compared, with such a name", [], [email("example.net")], { emails: ["a@b.c"] }, "invalid"],
    ];

    it.each(rows)("%s", async (_, permitted, excluded, options, expected) => {
      const constrained = await ca({ subject: "CN=Constrained", extensions: [nameConstraints(permitted, excluded)] });
      const sent = [await issue({ names: [HOST], issuer: constrained, ...options }), constrained];
      expect(verdict(sent, [tlsa(2, 0, 1, constrained)])).toBe(expected);
      // The record holds no more than a key: nobody vouched for the constraints.
      expect(verdict(sent, [tlsa(2, 1, 1, constrained)])).toBe("dane-ta");
      // Either record is enough.
      expect(verdict(sent, [tlsa(2, 0, 1, constrained), tlsa(2, 1, 1, constrained)])).toBe("dane-ta");
    });

    it("directory names are compared without regard to case and spaces", async () => {
      const subject = "O=Some  Company, CN=leaf";
      for (const [name, expected] of [
        ["O=some company", "dane-ta"],
        ["O=Another", "invalid"],
      ] as const) {
        const base = directory(await issue({ subject: name }));
        const constrained = await ca({ subject: "CN=C", extensions: [nameConstraints([base])] });
        const sent = [await issue({ subject, names: [HOST], issuer: constrained }), constrained];
        expect([name, verdict(sent, [tlsa(2, 0, 1, constrained)])]).toEqual([name, expected]);
      }
    });

    it("those of an intermediate are never waived, and bind the CAs below it", async () => {
      const constrained = await ca({
        subject: "CN=I",
        issuer: root,
        extensions: [nameConstraints([], [dns("example.com")])],
      });
      const sent = [await issue({ names: [HOST], issuer: constrained }), constrained, root];
      expect(verdict(sent, [tlsa(2, 1, 1, root)])).toBe("invalid");
      const base = directory(await issue({ subject: "CN=Below" }));
      const outer = await ca({ subject: "CN=Outer", issuer: root, extensions: [nameConstraints([], [base])] });
      const below = await ca({ subject: "CN=Below", issuer: outer });
      expect(verdict([await issue({ names: [HOST], issuer: below }), below, outer, root], [tlsa(2, 1, 1, root)])).toBe(
        "invalid",
      );
    });

    it("a damaged extension permits nothing", async () => {
      for (const value of [Buffer.of(0x30, 5), der(0x30, der(0xa0, Buffer.of(1))), Buffer.alloc(0)]) {
        const broken = await ca({ subject: "CN=B", extensions: [extension("2.5.29.30", value)] });
        const sent = [await issue({ names: [HOST], issuer: broken }), broken];
        expect(verdict(sent, [tlsa(2, 0, 1, broken)])).not.toBe("dane-ta");
      }
    });

    it("binds the CN where that is taken for the name", async () => {
      const constrained = await ca({ subject: "CN=C", extensions: [nameConstraints([], [dns("example.com")])] });
      const sent = [await issue({ subject: `CN=${HOST}`, issuer: constrained }), constrained];
      expect(verdict(sent, [tlsa(2, 0, 1, constrained)], { allowCommonName: true })).toBe("invalid");
    });
  });

  it("a certificate that is not for TLS servers, or has a critical extension unknown here, proves nothing", async () => {
    const record = [tlsa(2, 0, 1, root)];
    const client = await issue({ names: [HOST], issuer: root, extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"] });
    const any = await issue({ names: [HOST], issuer: root, extendedKeyUsage: ["2.5.29.37.0"] });
    const critical = extension("1.2.3.4", Buffer.of(5, 0));
    const unknown = await issue({ names: [HOST], issuer: root, extensions: [critical] });
    expect([client, any, unknown].map((one) => verdict([one, root], record))).toEqual([
      "invalid",
      "dane-ta",
      "invalid",
    ]);
  });

  it("a certificate with an extension twice proves nothing (RFC 5280 §4.2)", async () => {
    const permitted = nameConstraints([dns("example.com")]);
    for (const [extensions, expected] of [
      [[permitted], "dane-ta"],
      [[permitted, permitted], "untrusted"],
    ] as const) {
      const anchor = await ca({ subject: "CN=Twice", extensions });
      expect(verdict([await issue({ names: [HOST], issuer: anchor }), anchor], [tlsa(2, 1, 1, anchor)])).toBe(expected);
    }
  });

  it("RSA-PSS is as good as its hash", async () => {
    for (const [hash, expected] of [
      ["SHA-256", "dane-ta"],
      ["SHA-1", "invalid"],
    ] as const) {
      const anchor = await ca({ subject: "CN=PSS", algorithm: "RSA-PSS", hash });
      const leaf = await issue({ names: [HOST], issuer: anchor, hash });
      expect([hash, verdict([leaf, anchor], [tlsa(2, 0, 1, anchor)])]).toEqual([hash, expected]);
    }
  });

  it("weak signatures and weak keys prove nothing, except an anchor's own signature (R-6698-4.1-01)", async () => {
    const sha1 = await issue({
      names: [HOST],
      issuer: await ca({ algorithm: "RSA-2048", subject: "CN=S" }),
      hash: "SHA-1",
    });
    expect(verify([sha1], []).authenticated).toBe(false);
    const weakRoot = await ca({ subject: "CN=Weak", algorithm: "RSA-1024" });
    expect(verdict([await issue({ names: [HOST], issuer: weakRoot }), weakRoot], [tlsa(2, 0, 1, weakRoot)])).toBe(
      "invalid",
    );
    expect(verdict([await issue({ names: [HOST], issuer: weakRoot })], [tlsa(2, 1, 0, weakRoot)])).not.toBe("dane-ta");
    const oldRoot = await ca({ subject: "CN=Old", algorithm: "RSA-2048", hash: "SHA-1" });
    const below = await issue({ names: [HOST], issuer: oldRoot, hash: "SHA-256" });
    const weaklySigned = await issue({ names: [HOST], issuer: oldRoot, hash: "SHA-1" });
    expect(verdict([weaklySigned, oldRoot], [tlsa(2, 0, 1, oldRoot)])).toBe("invalid");
    expect(verdict([below, oldRoot], [tlsa(2, 0, 1, oldRoot)])).toBe("dane-ta");
  });

  it("Ed25519 and RSA issue as well as EC", async () => {
    for (const algorithm of ["Ed25519", "RSA-2048"] as const) {
      const anchor = await ca({ subject: `CN=${algorithm}`, algorithm });
      expect(verdict([await issue({ names: [HOST], issuer: anchor }), anchor], [tlsa(2, 0, 1, anchor)])).toBe(
        "dane-ta",
      );
    }
  });

  it("with EE and TA records the server's own key is enough, and an issuer is as well (R-6698-4-01)", async () => {
    const nobody = await issue();
    expect(verdict([leaf], [tlsa(3, 1, 1, leaf), tlsa(2, 0, 1, root)], { references: [] })).toBe("dane-ee");
    expect(verdict([leaf, intermediate, root], [tlsa(3, 1, 1, nobody), tlsa(2, 0, 1, root)])).toBe("dane-ta");
  });
});

describe("a hostile peer", () => {
  it("a chain with one octet changed anywhere is refused", async () => {
    const root = await ca({ subject: "CN=Root" });
    const leaf = await issue({ names: [HOST], issuer: root });
    const record = [tlsa(2, 0, 1, root)];
    for (let at = 0; at < leaf.der.length; at++) {
      const mutated = Uint8Array.from(leaf.der);
      mutated[at] = (mutated[at] ?? 0) ^ (1 << (at % 8));
      expect([at, verify([{ der: mutated }, root], record).authenticated]).toEqual([at, false]);
    }
    for (let at = 0; at < root.der.length; at++) {
      const mutated = Uint8Array.from(root.der);
      mutated[at] = (mutated[at] ?? 0) ^ (1 << (at % 8));
      expect([at, verify([leaf, { der: mutated }], record).authenticated]).toEqual([at, false]);
    }
  });

  it("a chain cut anywhere is refused, and so is anything that is no certificate", async () => {
    const root = await ca();
    const leaf = await issue({ names: [HOST], issuer: root });
    for (let n = 0; n < leaf.der.length; n += 7)
      expect(verdict([{ der: leaf.der.slice(0, n) }, root], [tlsa(2, 0, 1, root)])).toBe("invalid");
    expect(verdict([], [tlsa(2, 0, 1, root)])).toBe("no-certificate");
    expect(verdict([leaf, { der: Buffer.from("nonsense") }, root], [tlsa(2, 0, 1, root)])).toBe("dane-ta");
  });

  it("a hundred certificates that have all issued each other cost no more than forty signatures", async () => {
    const root = await ca({ subject: "CN=Root" });
    const pair = await ca({ subject: "CN=Same" });
    const crowd = await Promise.all(
      Array.from({ length: 100 }, () => ca({ subject: "CN=Same", keys: pair.keys, issuer: pair })),
    );
    const leaf = await issue({ names: [HOST], issuer: pair });
    const { verify: original } = X509Certificate.prototype;
    let verified = 0;
    X509Certificate.prototype.verify = function (key) {
      verified++;
      return original.call(this, key);
    };
    try {
      expect(verdict([leaf, ...crowd, root], [tlsa(2, 0, 0, root)])).toBe("invalid");
    } finally {
      X509Certificate.prototype.verify = original;
    }
    expect(verified).toBeLessThanOrEqual(40);
  });

  it("a certificate among them that is right is found all the same, within the limits", async () => {
    const root = await ca({ subject: "CN=Root" });
    const pair = await ca({ subject: "CN=Same", issuer: root });
    const crowd = await Promise.all(Array.from({ length: 20 }, () => ca({ subject: "CN=Same" })));
    const leaf = await issue({ names: [HOST], issuer: pair });
    expect(verdict([leaf, ...crowd, pair, root], [tlsa(2, 0, 1, root)])).toBe("dane-ta");
  });
});
