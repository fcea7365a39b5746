import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../host/config/load.ts";
import { startLab } from "../lab/lab-client.ts";
import { Namespace, namespaceObstacle } from "../lab/namespace.ts";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

it("examples/postfix/config.yaml says what the built-in defaults are", () => {
  const defaults = loadConfig({ env: {}, isRoot: true, defaultFile: file("examples/none.yaml") });
  const config = loadConfig({ env: {}, isRoot: true, file: file("examples/postfix/config.yaml") });
  expect({ ...config, file: null }).toEqual(defaults);
});

const obstacle = namespaceObstacle();
const title = "examples/node/mx-check.js tells permitted MX hosts from a forged one";

it.skipIf(obstacle !== null)(obstacle === null ? title : `${title} [${obstacle}]`, async () => {
  if (!existsSync(file("dist/host/index.js"))) throw new Error("dist is missing; build first (npm run build)");
  const namespace = await Namespace.create();
  const domains = {
    "bank.test": { policy: { mode: "enforce", mx: ["*.bank.test"], maxAge: 86_400 }, mx: ["mx.bank.test"] },
    "plain.test": { policy: null },
  } as const;
  const lab = await startLab({ domains, dnsPort: 53, httpsPort: 443 }, namespace);
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-example-"));
  onTestFinished(async () => {
    await lab.close();
    await namespace.close();
    rmSync(directory, { recursive: true, force: true });
  });
  await lab.world.forgeMx("bank.test", ["mx.bank.test", "mx.attacker.test"]);
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, lab.ready.caPem);
  const env = { ...process.env, MTA_STS_HTTPS_CA_FILE: caFile, MTA_STS_HTTPS_ALLOW_PRIVATE_ADDRESSES: "true" };
  const check = (domain: string) =>
    namespace.run(process.execPath, [file("examples/node/mx-check.js"), domain], { env });

  expect(await check("bank.test")).toMatchObject({
    code: 0,
    stderr: "",
    stdout:
      "bank.test: mode enforce, id 1, *.bank.test\n  mx.bank.test: pkix\n  mx.attacker.test: skip, not-in-policy\n",
  });
  expect((await check("plain.test")).stdout).toContain("plain.test: none, no-record\n");
  expect((await check("plain.test")).stdout).toContain("  mx.plain.test: opportunistic\n");
  expect((await check("not a domain")).code).not.toBe(0);
});
