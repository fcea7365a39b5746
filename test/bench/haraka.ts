import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HarakaInstance } from "../haraka/haraka-instance.ts";
import { HarakaSite } from "../haraka/haraka-site.ts";
import { installPacked } from "../haraka/packed-plugin.ts";
import { current, whyNoHaraka } from "../haraka/release.ts";
import { quantile } from "./statistics.ts";

/**
 * What the plugin costs: the same messages to the same domains through Haraka without and with it, in turns. Each
 * message is submitted by SMTP, queued, and delivered to the lab over TLS.
 */

const DOMAINS = 50;
const MESSAGES = Number(process.argv[2] ?? 2_000);
const ROUNDS = 3;
const AT_ONCE = 20;
const TICKS_PER_SECOND = 100;

interface Round {
  /** Milliseconds a message, from the first submission to the last delivery. */
  readonly wall: number;
  /** Milliseconds of processor time of Haraka a message. */
  readonly cpu: number;
}

const domains = Object.fromEntries(
  Array.from({ length: DOMAINS }, (_, i) => {
    const name = `d${i}.test`;
    return [name, { policy: { mode: "enforce", mx: [`mx.${name}`], maxAge: 604_800 } as const }];
  }),
);

async function round(site: HarakaSite, haraka: HarakaInstance): Promise<Round> {
  await haraka.start();
  // Policies are held, modules are loaded, the compiler is warm.
  await sendAll(site, haraka, MESSAGES / 10);
  const [cpu, started] = [haraka.cpuTicks(), performance.now()];
  await sendAll(site, haraka, MESSAGES);
  const wall = (performance.now() - started) / MESSAGES;
  const spent = ((haraka.cpuTicks() - cpu) * 1000) / TICKS_PER_SECOND / MESSAGES;
  await haraka.stop();
  return { wall, cpu: spent };
}

async function sendAll(site: HarakaSite, haraka: HarakaInstance, count: number): Promise<void> {
  await site.world.forgetSeen();
  let next = 0;
  const sender = async () => {
    while (next < count) await haraka.send({ to: `b@d${next++ % DOMAINS}.test` });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  for (let taken = 0; taken < count; taken = (await site.world.deliveries()).length)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

async function main(): Promise<void> {
  const reason = whyNoHaraka(current);
  if (reason !== undefined) throw new Error(reason);
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-haraka-bench-"));
  const site = await HarakaSite.open({ domains });
  try {
    const modules = installPacked(directory);
    // As on the Internet, the MX hosts' CA is one that Haraka knows by itself: then it verifies them, too.
    const known = { release: current, env: { NODE_EXTRA_CA_CERTS: site.caFile } };
    const rounds = { without: [] as Round[], with: [] as Round[] };
    for (let i = 0; i < ROUNDS; i++) {
      rounds.without.push(await round(site, site.haraka({ ...known, modules: null })));
      rounds.with.push(await round(site, site.haraka({ ...known, modules })));
    }
    print(rounds);
  } finally {
    await site.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function print(rounds: { readonly without: readonly Round[]; readonly with: readonly Round[] }): void {
  console.log(
    `Haraka ${current.version}, ${MESSAGES} messages to ${DOMAINS} policy domains, medians of ${ROUNDS} rounds in turns`,
  );
  for (const measure of ["wall", "cpu"] as const) {
    const [before, after] = [rounds.without, rounds.with].map((all) =>
      quantile(
        all.map((one) => one[measure]),
        0.5,
      ),
    );
    const [less, more] = [before ?? 0, after ?? 0];
    const share = ((more / less - 1) * 100).toFixed(1);
    console.log(
      `${measure.padEnd(5)} ${less.toFixed(2)} ms a message without, ${more.toFixed(2)} with: ${(more - less).toFixed(2)} ms, ${share} %`,
    );
  }
}

await main();
