import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";
import { METRICS, type MetricDescription } from "./catalogue.ts";

type Catalogue = typeof METRICS;
type NamesOf<Kind extends MetricDescription["kind"]> = {
  [Name in keyof Catalogue]: Catalogue[Name]["kind"] extends Kind ? Name : never;
}[keyof Catalogue];

export type CounterName = NamesOf<"counter">;
export type GaugeName = Exclude<NamesOf<"gauge">, "build_info">;
export type HistogramName = NamesOf<"histogram">;
/** The labels of a metric, each with one of the values its list has. */
export type LabelsOf<Name extends keyof Catalogue> = {
  readonly [Label in keyof Catalogue[Name]["labels"]]: Catalogue[Name]["labels"][Label] extends readonly (infer Value)[]
    ? Value
    : never;
};

/** The metrics of one daemon; names and labels are those of catalogue.ts, without the prefix. */
export interface Metrics {
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /** Seconds. */
  observe(name: HistogramName, seconds: number): void;
  /** Runs before each scrape, to set gauges that are cheaper to read than to keep. What it throws fails the scrape. */
  beforeScrape(collect: () => void | Promise<void>): void;
  /** Prometheus text exposition format. */
  text(): Promise<string>;
  readonly contentType: string;
  /** In a worker of node:cluster: answers the primary's `clusterMetrics`. */
  shareWithPrimary(): void;
}

export const METRIC_PREFIX = "mta_sts_";
const OTHER = "other";
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];

/** `version` is that of the program, for build_info. */
export function createMetrics(options: { readonly version: string }): Metrics {
  // A registry of its own: two daemons in one process (tests do that) must not add up.
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const collectors: (() => void | Promise<void>)[] = [];
  const collect = shared(async () => {
    for (const one of collectors) await one();
  });
  for (const [name, description] of Object.entries<MetricDescription>(METRICS)) {
    const settings = {
      name: METRIC_PREFIX + name,
      help: helpOf(description),
      labelNames: Object.keys(description.labels),
      registers: [registry],
    };
    if (description.kind === "counter") counters.set(name, new Counter(settings));
    else if (description.kind === "gauge") gauges.set(name, new Gauge({ ...settings, collect }));
    else histograms.set(name, new Histogram({ ...settings, buckets: SECONDS }));
  }
  startAtZero(counters);
  gauges.get("build_info")?.set({ version: options.version }, 1);

  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc(bounded(name, labels), by),
    set: (name, labels, value) => gauges.get(name)?.set(bounded(name, labels), value),
    observe: (name, seconds) => histograms.get(name)?.observe(seconds),
    beforeScrape: (one) => void collectors.push(one),
    text: () => registry.metrics(),
    contentType: registry.contentType,
    shareWithPrimary() {
      AggregatorRegistry.setRegistries([registry]);
      new AggregatorRegistry(); // it listens for the primary's questions from now on
    },
  };
}

/** In the primary of node:cluster: the sum over its workers. To be called before the first worker is forked. */
export function clusterMetrics(): Pick<Metrics, "text" | "contentType"> {
  const workers = new AggregatorRegistry();
  return { text: () => workers.clusterMetrics(), contentType: workers.contentType };
}

/** All gauges of one scrape are read after one run of `work`. */
function shared(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => {
    running ??= work().finally(() => {
      running = null;
    });
    return running;
  };
}

/** The HELP line: what the metric is, and what to alert on. */
export function helpOf({ meaning, alert }: MetricDescription): string {
  return `${meaning} Alert on: ${alert}`;
}

/** Counters with one label exist from the start, so that rate() and increase() see their first event. */
function startAtZero(counters: ReadonlyMap<string, Counter>): void {
  for (const [name, counter] of counters) {
    const labels = Object.entries<readonly string[]>(
      (METRICS as Record<string, MetricDescription>)[name]?.labels ?? {},
    );
    const [only] = labels;
    if (only === undefined) counter.inc(0);
    else if (labels.length === 1) for (const value of only[1]) counter.inc({ [only[0]]: value }, 0);
  }
}

/** A value outside its list (a caller in plain JavaScript, a cast) must not make a new time series. */
function bounded(name: keyof Catalogue, labels: object): Record<string, string> {
  const known: Readonly<Record<string, readonly string[]>> = METRICS[name].labels;
  return Object.fromEntries(
    Object.entries(known).map(([label, values]) => {
      const value = (labels as Record<string, string | undefined>)[label];
      return [label, value !== undefined && values.includes(value) ? value : OTHER];
    }),
  );
}
