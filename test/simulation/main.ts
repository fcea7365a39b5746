import { parseArgs } from "node:util";
import { loadCoreSync } from "../../host/core/load.ts";
import { type Campaign, campaign } from "./campaign.ts";
import { CELLS } from "./tally.ts";

// npm run simulate: the production engine in worlds of faults, in virtual time. Exit 1 when a promise is broken.

const USAGE = `Usage: npm run simulate -- --seed N --deliveries N [--processes 1|2] [--episode N] [--trace WORD] [--json]
  --seed        of all random numbers; the same seed gives the same trace (default 1)
  --deliveries  in all (default 200000)
  --processes   that share the store (default: drawn for each episode)
  --episode     only this one of the seed's worlds
  --trace       prints the lines of the trace that contain this word
  --json        the figures as JSON`;

interface Wish {
  readonly seed: number;
  readonly deliveries: number;
  readonly processes: number | null;
  readonly episode: number | null;
  readonly trace: string | null;
  readonly json: boolean;
}

function number(text: string | undefined, fallback: number | null): number | null {
  if (text === undefined) return fallback;
  if (!/^\d{1,10}$/.test(text)) throw new TypeError(`simulate: ${text} is not a whole number\n${USAGE}`);
  return Number(text);
}

function wishes(): Wish {
  const text = { type: "string" } as const;
  const more = { trace: text, json: { type: "boolean" } } as const;
  const options = { seed: text, deliveries: text, processes: text, episode: text, ...more } as const;
  const { values } = parseArgs({ options });
  return {
    seed: number(values.seed, 1) as number,
    deliveries: number(values.deliveries, 200_000) as number,
    processes: number(values.processes, null),
    episode: number(values.episode, null),
    trace: values.trace ?? null,
    json: values.json ?? false,
  };
}

function sayFailure({ failed }: Campaign, { seed, deliveries, processes }: Wish): void {
  if (!failed) return;
  const { episode, result } = failed;
  const shared = processes === null ? "" : ` --processes ${processes}`;
  for (const line of result.tail) console.error(`  ${line}`);
  console.error(`simulate: BROKEN: ${result.violation?.message}`);
  console.error(`  again: npm run simulate -- --seed ${seed} --deliveries ${deliveries}${shared}`);
  console.error(`  only its episode: npm run simulate -- --seed ${seed} --episode ${episode}${shared}`);
}

function sayCounts({ tally }: Campaign): void {
  for (const name of CELLS) console.log(`  ${String(tally.of(name)).padStart(10)}  ${name}`);
  for (const prefix of ["fault: ", "publisher: ", "operator: ", "answer: ", "notice: "])
    for (const [name, times] of tally.under(prefix)) console.log(`  ${String(times).padStart(10)}  ${name}`);
}

async function main(): Promise<void> {
  const wish = wishes();
  const started = process.hrtime.bigint();
  const { trace } = wish;
  const onLine = (line: string) => void (line.includes(trace as string) && console.log(line));
  const done = await campaign({ core: loadCoreSync(), ...wish, ...(trace !== null && { onLine }) });
  const took = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000;
  sayFailure(done, wish);
  const years = done.seconds / 31_557_600;
  const { rss } = process.memoryUsage();
  const failed = done.failed !== null;
  const figures = {
    ...wish,
    failed,
    deliveries: done.deliveries,
    episodes: done.episodes,
    years,
    took,
    rss,
    hash: done.hash,
  };
  if (wish.json) console.log(JSON.stringify({ ...figures, counts: Object.fromEntries(done.tally.counts) }));
  else {
    sayCounts(done);
    console.log(
      `simulate: seed ${wish.seed}: ${done.deliveries} deliveries in ${done.episodes} worlds, ${years.toFixed(1)} years, ` +
        `in ${took.toFixed(1)} s (${Math.round((took * 1e6) / done.deliveries)} us each), ` +
        `${Math.round(rss / 1048576)} MiB, trace ${done.hash}`,
    );
  }
  if (done.failed) process.exitCode = 1;
}

await main();
