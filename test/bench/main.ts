import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { measureSocketmap, type SocketmapReport } from "./socketmap.ts";
import { type Spread, spread } from "./statistics.ts";
import { number, table } from "./table.ts";

// npm run bench [-- --quick]: what a call of the core and a warm answer of the daemon cost, beside what there is already.

const USAGE = `Usage: npm run bench [-- --quick] [-- --core]
  --quick  fewer and shorter samples, about 20 s
  --core   calls of the core only`;

const BUILDS = ["wasm", "portable"] as const;

/** Nanoseconds of each sample by call, for one build; a fresh process each time (core-calls.ts says why). */
function timeCore(build: string, samples: number): Record<string, number[]> {
  const script = fileURLToPath(new URL("./core-calls.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, build, String(samples)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`bench: core-calls ${build}: ${stderr}`);
  return JSON.parse(stdout) as Record<string, number[]>;
}

const shown = ({ median, low, high }: Spread, unit = 1): string =>
  `${number(median / unit)} [${number(low / unit)}..${number(high / unit)}]`;

function coreTable(rounds: number, samples: number): string {
  const timed = { wasm: [] as Record<string, number[]>[], portable: [] as Record<string, number[]>[] };
  for (let round = 0; round < rounds; round++) for (const build of BUILDS) timed[build].push(timeCore(build, samples));
  const names = Object.keys(timed.wasm[0] ?? {});
  const rows = names.map((name) => {
    const [wasm, portable] = BUILDS.map((build) => spread(timed[build].flatMap((round) => round[name] ?? []))) as [
      Spread,
      Spread,
    ];
    return [name, "", shown(wasm), shown(portable), number(portable.median / wasm.median)];
  });
  return table(["core, through the JavaScript API", "", "wasm, ns", "portable, ns", "portable : wasm"], rows);
}

function socketmapTable({ rows, memory }: SocketmapReport): string {
  const cells = rows.map((row) => [
    row.what,
    row.peer,
    shown(row.perSecond),
    number(row.p50.median),
    shown(row.p99),
    number(row.cpu.median),
    number(row.clientCpu),
  ]);
  const header = [
    "warm answers over TCP",
    "daemon",
    "requests/s",
    "p50, us",
    "p99, us",
    "CPU us/request",
    "client CPU",
  ];
  const use = memory.map(
    (one) => `${one.peer} (${one.version}): RSS ${number(one.resident)} MiB, of it private ${number(one.private)} MiB`,
  );
  return `${table(header, cells)}\n\n${use.join("\n")}`;
}

function ratios({ rows }: SocketmapReport): string[] {
  return [...new Set(rows.map(({ what }) => what))].flatMap((what) => {
    const [ours, theirs] = rows.filter((row) => row.what === what);
    if (ours === undefined || theirs === undefined) return [];
    const times = number(ours.perSecond.median / theirs.perSecond.median);
    return [`${what}: ${times} x requests/s, ${number(ours.p99.median / theirs.p99.median)} x p99`];
  });
}

const load = (): string =>
  loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");

async function main(options: readonly string[]): Promise<void> {
  const unknown = options.find((option) => !["--quick", "--core", "--help"].includes(option));
  if (unknown !== undefined || options.includes("--help")) {
    console.log(USAGE);
    process.exitCode = unknown === undefined ? 0 : 2;
    return;
  }
  const quick = options.includes("--quick");
  console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, load average ${load()}`);
  console.log("Medians; in brackets the tenth and the ninetieth percentile of the samples.\n");
  console.log(coreTable(quick ? 1 : 3, quick ? 5 : 15));
  if (!options.includes("--core")) {
    const report = quick ? await measureSocketmap(2, 400) : await measureSocketmap(5, 2_000);
    console.log(`\n${socketmapTable(report)}`);
    for (const line of [...ratios(report), ...report.notes]) console.log(line);
  }
  console.log(`\nload average at the end ${load()}`);
}

await main(process.argv.slice(2));
