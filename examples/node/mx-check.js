// What does a domain promise, and to which of its MX hosts may mail go?
//   node examples/node/mx-check.js example.com
// Settings are those of the daemon: /etc/mta-sts/config.yaml and MTA_STS_* (docs/configuration.md).
import * as mtaSts from "mta-sts-engine";

const domain = mtaSts.canonicalDomain(process.argv[2] ?? "");
if (domain === null) throw new TypeError("usage: node mx-check.js example.com");

const config = mtaSts.loadConfig({ env: process.env, isRoot: process.getuid?.() === 0 });
const core = await mtaSts.loadCore();
const dns = mtaSts.createDnsClient({ servers: config.dns.servers ?? undefined, timeoutMs: config.dns.timeout });
const fetcher = mtaSts.createPolicyFetcher({
  dns,
  caPem: config.https.ca?.pem,
  allowPrivateAddresses: config.https.allowPrivateAddresses,
  matchesDnsId: (names, host) => core.matchesDnsId(names, host),
});
// An MTA keeps policies over restarts instead: openPolicyStore({ path: "/var/lib/my-mta/policies.db" }).
const store = new mtaSts.MemoryStore({ now: () => Math.floor(Date.now() / 1000) });
const engine = await mtaSts.createEngine({ core, dns, fetcher, store });

const print = (line) => process.stdout.write(`${line}\n`);
const { verdict, status, detail, policy } = await engine.resolve(domain, { deadline: 20_000 });
print(
  `${domain}: ${policy ? `mode ${policy.mode}, id ${policy.id}, ${policy.mx.join(" ")}` : `${verdict}, ${status}`}`,
);
if (detail !== "") print(`  ${detail}`);

const found = await dns.mx(domain);
const records = found.kind === "records" ? [...found.records].sort((a, b) => a.preference - b.preference) : [];
// Without MX records mail goes to the domain itself (RFC 5321 section 5.1); a name that does not exist takes none.
const implicit = found.kind === "none" && found.reason === "nodata" ? [domain] : [];
const exchanges = records.length > 0 ? records.map(({ exchange }) => exchange) : implicit;
const hosts = exchanges.filter((host) => host !== ""); // Null MX (RFC 7505): the domain takes no mail
const decision = policy ? { verdict, policy: Buffer.from(policy.lines.join("\n")) } : { verdict };
for (const { host, action, reason } of core.plan({ decision, hosts }))
  print(`  ${host}: ${action}${reason ? `, ${reason}` : ""}`);

await engine.close();
await fetcher.close();
dns.close();
await store.close();
