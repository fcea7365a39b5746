import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pkixTrust, refuseUnsafeEnvironment } from "../../../host/tls/trust.ts";
import { type Credentials, dnsNames, TestAuthority } from "../https/certificates.ts";
import { answerWith, type PolicyServer, response, startPolicyServer } from "../https/policy-server.ts";

describe("the trusted roots", () => {
  it.each([[""], ["no PEM here"], ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]])(
    "stop the start when the file holds no certificate: %j",
    (pem) => {
      expect(() => pkixTrust(pem)).toThrow(/^the CA file holds no PEM certificate/);
    },
  );

  it("stop the start when one of the certificates is damaged, and say which", async () => {
    const { rootPem } = await TestAuthority.create();
    const damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    expect(() => pkixTrust(`${rootPem}\n${damaged}\n`)).toThrow(/^certificate 2 of 2 in the CA file/);
  });

  it("are those of Node by default", () => {
    expect(() => pkixTrust()).not.toThrow();
  });
});

describe("the start of the daemon", () => {
  it("is refused while NODE_TLS_REJECT_UNAUTHORIZED=0 is set, with what to do", () => {
    expect(() => refuseUnsafeEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toThrow(
      /^NODE_TLS_REJECT_UNAUTHORIZED=0 is set .*; not starting\. Unset it\. .*https\.ca-file/,
    );
  });

  it("is not refused for values without effect", () => {
    expect(() => refuseUnsafeEnvironment({})).not.toThrow();
    expect(() => refuseUnsafeEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: "1" })).not.toThrow();
  });
});

/** Prints what a fetch, and a plain TLS connection with Node's defaults, come to in this process. */
const PROBE = `
import { connect } from "node:tls";
import { createPolicyFetcher } from "./host/https/fetch-policy.js";
const { dialPort, caPem } = JSON.parse(process.argv[2]);
const fetcher = createPolicyFetcher({
  dns: { addresses: async () => ({ kind: "records", records: ["127.0.0.1"], ttl: 0, secure: false }) },
  matchesDnsId: (names, host) => names.includes(host),
  allowPrivateAddresses: true,
  timeoutMs: 10_000,
  dialPort,
  ...(caPem === undefined ? {} : { caPem }),
});
const result = await fetcher.fetch("example.com");
await fetcher.close();
const plain = await new Promise((resolve) => {
  const tls = connect({ host: "127.0.0.1", port: dialPort, servername: "mta-sts.example.com" });
  tls.once("secureConnect", () => resolve("accepted " + tls.getProtocol()));
  tls.once("error", (error) => resolve(error.code));
  setTimeout(() => tls.destroy(), 10_000).unref();
});
console.log(JSON.stringify({ result: result.ok ? "ok" : result.failure, plain }));
process.exit(0);
`;

describe("the environment of the process", () => {
  let directory: string;
  let authority: TestAuthority;
  let credentials: Credentials;
  let caFile: string;
  let proxy: Server;
  let proxied = 0;
  const servers: PolicyServer[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "policy-fetch-"));
    await compileFetcher(directory);
    authority = await TestAuthority.create();
    credentials = await authority.leaf({ names: dnsNames("mta-sts.example.com") });
    caFile = join(directory, "extra-ca.pem");
    await writeFile(caFile, authority.rootPem);
    proxy = createServer((tcp) => {
      proxied += 1;
      tcp.destroy();
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
  });

  afterAll(async () => {
    for (const server of servers) await server.close();
    proxy.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function start(options: Partial<Parameters<typeof startPolicyServer>[0]> = {}): Promise<PolicyServer> {
    const server = await startPolicyServer({ credentials, respond: answerWith(response()), ...options });
    servers.push(server);
    return server;
  }

  /** Runs the probe with these variables and no others, so that what the test machine has set plays no part. */
  async function probe(env: Record<string, string>, dialPort: number, caPem?: string): Promise<unknown> {
    const args = [join(directory, "probe.js"), JSON.stringify({ dialPort, caPem })];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return JSON.parse(stdout);
  }

  it("cannot switch certificate checks off: NODE_TLS_REJECT_UNAUTHORIZED=0 (R-8461-3.3-01)", async () => {
    const server = await start();
    expect(await probe({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }, server.port)).toEqual({
      result: "certificate",
      plain: expect.stringMatching(/^accepted/),
    });
  });

  it("cannot add a trusted root: NODE_EXTRA_CA_CERTS, with Node's roots and with a CA file (R-8461-3.3-01)", async () => {
    const server = await start();
    const stranger = await TestAuthority.create("Other Root");
    for (const caPem of [undefined, stranger.rootPem])
      expect(await probe({ NODE_EXTRA_CA_CERTS: caFile }, server.port, caPem)).toEqual({
        result: "certificate",
        plain: expect.stringMatching(/^accepted/),
      });
  });

  it("cannot lower the TLS version or the ciphers: NODE_OPTIONS (R-8461-3.3-23)", async () => {
    const server = await start({ tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } });
    const NODE_OPTIONS = "--tls-min-v1.0 --tls-cipher-list=ALL:@SECLEVEL=0";
    const env = { NODE_OPTIONS, NODE_EXTRA_CA_CERTS: caFile };
    expect(await probe(env, server.port, authority.rootPem)).toEqual({ result: "tls", plain: "accepted TLSv1.1" });
  });

  it("cannot replace the list of ciphers: --tls-cipher-list in NODE_OPTIONS (R-8461-3.3-23)", async () => {
    const server = await start({ tls: { maxVersion: "TLSv1.2" } });
    // A list without any cipher for this server's ECDSA key.
    const NODE_OPTIONS = "--tls-cipher-list=ECDHE-RSA-AES256-GCM-SHA384";
    expect(await probe({ NODE_OPTIONS, NODE_EXTRA_CA_CERTS: caFile }, server.port, authority.rootPem)).toEqual({
      result: "ok",
      plain: expect.not.stringMatching(/^accepted/),
    });
  });

  it("cannot turn the fetch to a proxy: HTTPS_PROXY and its kin (R-8461-3.3-10)", async () => {
    const server = await start();
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    const env = { ...Object.fromEntries(names.map((name) => [name, url])), NODE_USE_ENV_PROXY: "1" };
    expect(await probe(env, server.port, authority.rootPem)).toMatchObject({ result: "ok" });
    expect(proxied).toBe(0);
  });
});

/** The fetcher as JavaScript in a directory of its own: Node reads these variables once, when a process starts. */
async function compileFetcher(directory: string): Promise<void> {
  const root = new URL("../../../", import.meta.url);
  await compileModule(new URL("host/https/fetch-policy.ts", root), root, directory, new Set());
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  await writeFile(join(directory, "probe.js"), PROBE);
  await symlink(fileURLToPath(new URL("node_modules", root)), join(directory, "node_modules"));
}

/** One module, and those it imports by a relative path. */
async function compileModule(module: URL, root: URL, directory: string, done: Set<string>): Promise<void> {
  if (done.has(module.href)) return;
  done.add(module.href);
  const source = await readFile(module, "utf8");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  const target = join(directory, module.href.slice(root.href.length).replace(/\.ts$/, ".js"));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, outputText);
  for (const { fileName } of ts.preProcessFile(source).importedFiles)
    if (fileName.startsWith(".")) await compileModule(new URL(fileName, module), root, directory, done);
}
