import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";
import { describe, expect, it } from "vitest";
import { loadCoreSync } from "../../../host/core/load.ts";
import { verifyPeer } from "../../../host/dane/verify-peer.ts";
import { peerChain } from "../../../host/tls/session.ts";
import { ca, days, dns, type Issued, issue, NOW, nameConstraints, tlsa } from "./certificates.ts";

// OpenSSL has had DANE for ten years, and Postfix and Exim rest on it: the same server, shown to both. Where the two are
// meant to differ is not among the rows: a wildcard inside a label, which Postfix too forbids OpenSSL to take, and the
// constraints of an issuer of which the record holds the key alone, which OpenSSL applies.

const HOST = "mx.example.com";
const core = loadCoreSync();

type Row = readonly [title: string, sent: readonly Issued[], records: readonly Uint8Array[], good: boolean];

async function rows(): Promise<Row[]> {
  const root = await ca({ subject: "CN=Root" });
  const middle = await ca({ subject: "CN=Middle", issuer: root });
  const leaf = await issue({ names: [HOST], issuer: middle });
  const whole = [leaf, middle, root];
  const expired = await issue({ names: [HOST], issuer: root, to: days(-1) });
  const wrong = await issue({ names: ["mx.example.net"], issuer: root });
  const wild = await issue({ names: ["*.example.com"], issuer: root });
  const client = await issue({ names: [HOST], issuer: root, extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"] });
  const old = await ca({ subject: "CN=Middle", keys: middle.keys, issuer: root, to: days(-1) });
  const noCa = await issue({ subject: "CN=No CA", issuer: root });
  const short = await ca({ subject: "CN=Short", pathLength: 0 });
  const between = await ca({ subject: "CN=Between", issuer: short });
  const within = await ca({ subject: "CN=Within", extensions: [nameConstraints([dns("example.com")])] });
  const without = await ca({ subject: "CN=Without", extensions: [nameConstraints([dns("example.net")])] });
  const selfSigned = await ca({ names: [HOST] });
  const below = (issuer: Issued) => issue({ names: [HOST], issuer });
  return [
    ["3 1 1", [leaf], [tlsa(3, 1, 1, leaf)], true],
    ["3 0 2", [leaf], [tlsa(3, 0, 2, leaf)], true],
    ["3 1 0", [leaf], [tlsa(3, 1, 0, leaf)], true],
    ["3 1 1 of another key", [leaf], [tlsa(3, 1, 1, root)], false],
    ["3 1 1, expired, of another name", [expired], [tlsa(3, 1, 1, expired)], true],
    ["3 1 1 beside 3 1 2 of another key", [leaf], [tlsa(3, 1, 1, leaf), tlsa(3, 1, 2, root)], false],
    ["2 0 1", whole, [tlsa(2, 0, 1, root)], true],
    ["2 1 1", whole, [tlsa(2, 1, 1, root)], true],
    ["2 1 2 of the intermediate", [leaf, middle], [tlsa(2, 1, 2, middle)], true],
    ["2 0 1 of what was not sent", [leaf, middle], [tlsa(2, 0, 1, root)], false],
    ["2 0 0 of what was not sent", [leaf, middle], [tlsa(2, 0, 0, root)], true],
    ["2 1 0 of what was not sent", [leaf, middle], [tlsa(2, 1, 0, root)], true],
    ["2 0 1 without the way to it", [leaf, root], [tlsa(2, 0, 1, root)], false],
    ["2 0 1, expired", [expired, root], [tlsa(2, 0, 1, root)], false],
    ["2 0 1, an expired intermediate", [leaf, old, root], [tlsa(2, 0, 1, root)], false],
    ["2 0 1, another name", [wrong, root], [tlsa(2, 0, 1, root)], false],
    ["2 0 1, a wildcard", [wild, root], [tlsa(2, 0, 1, root)], true],
    ["2 0 1, for clients", [client, root], [tlsa(2, 0, 1, root)], false],
    ["2 0 1, issued by no CA", [await below(noCa), noCa, root], [tlsa(2, 0, 1, root)], false],
    ["2 0 1, path length", [await below(between), between, short], [tlsa(2, 0, 1, short)], false],
    ["2 0 1, permitted name", [await below(within), within], [tlsa(2, 0, 1, within)], true],
    ["2 0 1, name not permitted", [await below(without), without], [tlsa(2, 0, 1, without)], false],
    ["2 0 1 of the server's own certificate", [selfSigned], [tlsa(2, 0, 1, selfSigned)], false],
    ["3 1 1 of another key, 2 0 1", whole, [tlsa(3, 1, 1, root), tlsa(2, 0, 1, root)], true],
  ];
}

/** A TLS server that sends exactly these certificates. */
async function serving<Result>(sent: readonly Issued[], use: (port: number) => Promise<Result>): Promise<Result> {
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", (sent[0] as Issued).keys.privateKey));
  const server = createServer({
    cert: sent.map(({ certificate }) => certificate.toString("pem")).join("\n"),
    key: `-----BEGIN PRIVATE KEY-----\n${key.toString("base64")}\n-----END PRIVATE KEY-----\n`,
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

/** Does `openssl s_client` take the server for the one that the TLSA records speak of? */
async function opensslAccepts(port: number, records: readonly Uint8Array[]): Promise<boolean> {
  const rrdata = records.flatMap((record) => [
    "-dane_tlsa_rrdata",
    `${record[0]} ${record[1]} ${record[2]} ${Buffer.from(record).toString("hex", 3)}`,
  ]);
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-dane_tlsa_domain", HOST, "-dane_ee_no_namechecks"];
  const more = ["-verify_return_error", "-no-CAfile", "-no-CApath", "-no-CAstore", "-attime", `${NOW / 1000}`];
  const output = await new Promise<string>((resolve) => {
    const child = execFile("openssl", [...args, ...more, ...rrdata], { timeout: 20_000 }, (_, stdout) =>
      resolve(stdout),
    );
    child.stdin?.end();
  });
  return /Verification: OK/.test(output);
}

/** Do we, by what Node shows of a session? */
async function weAccept(port: number, records: readonly Uint8Array[]): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port, servername: HOST, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    const certificates = peerChain(socket).map(({ raw }) => raw);
    return verifyPeer(core, { certificates, records, references: [HOST], now: NOW }).authenticated;
  } finally {
    socket.destroy();
  }
}

const obstacle = spawnSync("openssl", ["version"]).error === undefined ? null : "there is no openssl command";
describe.skipIf(obstacle)(obstacle === null ? "beside OpenSSL" : `beside OpenSSL [${obstacle}]`, () => {
  it("verifyPeer judges servers as OpenSSL does (R-7672-3.1.1-01, R-7672-3.1.2-01, R-7672-3.1.2-02)", async () => {
    const seen: [string, ours: boolean, openssl: boolean][] = [];
    const expected: typeof seen = [];
    for (const [title, sent, records, good] of await rows()) {
      const both = await serving(sent, (port) => Promise.all([weAccept(port, records), opensslAccepts(port, records)]));
      seen.push([title, ...both]);
      expected.push([title, good, good]);
    }
    expect(seen).toEqual(expected);
  });
});
