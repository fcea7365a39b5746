import { describe, expect, it } from "vitest";
import { METRICS, type MetricDescription } from "../../../host/observe/catalogue.ts";
import { createMetrics, helpOf } from "../../../host/observe/metrics.ts";

const entries = Object.entries<MetricDescription>(METRICS);

/** The samples of a Prometheus text page, by name with labels. */
async function samples(metrics: ReturnType<typeof createMetrics>): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const match = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
      if (!match) throw new Error(`not a sample: ${line}`);
      return [match[1] ?? "", Number(match[2])];
    }),
  );
}

describe("the page of metrics", () => {
  it("names every metric with its kind, its meaning and what to alert on", async () => {
    const text = await createMetrics({ version: "1.2.3" }).text();
    for (const [name, description] of entries) {
      expect(text).toContain(`# HELP mta_sts_${name} ${helpOf(description).replaceAll("\\", "\\\\")}\n`);
      expect(text).toContain(`# TYPE mta_sts_${name} ${description.kind}\n`);
    }
    expect(text.match(/^# HELP /gm)).toHaveLength(entries.length);
    expect(text).toContain('mta_sts_build_info{version="1.2.3"} 1');
  });

  it("shows what was counted, set and observed", async () => {
    const metrics = createMetrics({ version: "1" });
    metrics.count("answers_total", { listener: "postfix", verdict: "policy" });
    metrics.count("answers_total", { listener: "postfix", verdict: "policy" }, 2);
    metrics.count("notices_total", { event: "refresh-failing-75" });
    metrics.set("policies", { mode: "enforce" }, 7);
    metrics.set("store_persisting", {}, 0);
    metrics.observe("fetch_seconds", 0.3);
    const page = await samples(metrics);
    expect(page.get('mta_sts_answers_total{listener="postfix",verdict="policy"}')).toBe(3);
    expect(page.get('mta_sts_notices_total{event="refresh-failing-75"}')).toBe(1);
    expect(page.get('mta_sts_policies{mode="enforce"}')).toBe(7);
    expect(page.get("mta_sts_store_persisting")).toBe(0);
    expect(page.get('mta_sts_fetch_seconds_bucket{le="0.25"}')).toBe(0);
    expect(page.get('mta_sts_fetch_seconds_bucket{le="0.5"}')).toBe(1);
    expect(page.get("mta_sts_fetch_seconds_sum")).toBe(0.3);
  });

  it("shows counters with at most one label from the start, so that their first event is a rise", async () => {
    const page = await samples(createMetrics({ version: "1" }));
    for (const [name, { kind, labels }] of entries) {
      const [label, ...more] = Object.entries(labels);
      if (kind !== "counter" || more.length > 0) continue;
      if (!label) expect(page.get(`mta_sts_${name}`)).toBe(0);
      for (const value of label?.[1] ?? []) expect(page.get(`mta_sts_${name}{${label?.[0]}="${value}"}`)).toBe(0);
    }
  });

  it("reads gauges anew at each scrape", async () => {
    const metrics = createMetrics({ version: "1" });
    let held = 0;
    metrics.beforeScrape(async () => metrics.set("cache_memory_domains", {}, ++held));
    await metrics.text();
    expect((await samples(metrics)).get("mta_sts_cache_memory_domains")).toBe(2);
  });

  it("keeps two daemons in one process apart", async () => {
    const [one, other] = [createMetrics({ version: "1" }), createMetrics({ version: "1" })];
    one.count("testing_mismatch_total", {});
    expect((await samples(other)).get("mta_sts_testing_mismatch_total")).toBe(0);
  });

  it("never grows with domains: 10,000 of them in every label make one series called other", async () => {
    const metrics = createMetrics({ version: "1" });
    const full = () => samples(metrics).then((page) => page.size);
    for (const [name, { kind, labels }] of entries) {
      if (Object.keys(labels).length === 0 || name === "build_info") continue;
      const before = await full();
      for (let n = 0; n < 10_000; n++) {
        const hostile = Object.fromEntries(Object.keys(labels).map((label) => [label, `d${n}.example`]));
        if (kind === "counter") metrics.count(name as "answers_total", hostile as never);
        else metrics.set(name as "policies", hostile as never, n);
      }
      expect([name, await full()]).toEqual([name, before + 1]);
    }
    expect(await metrics.text()).not.toContain(".example");
  });
});

describe("the catalogue of metrics", () => {
  it.each(entries)("%s is named after the conventions of Prometheus and closed in its labels", (name, description) => {
    expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
    expect(name.endsWith("_total")).toBe(description.kind === "counter");
    if (description.kind === "histogram") expect(name).toMatch(/_(seconds|bytes)$/);
    expect(Object.keys(description.labels)).not.toContain("domain");
    for (const [label, values] of Object.entries(description.labels)) {
      expect(label).toMatch(/^[a-z]+$/);
      if (name !== "build_info") expect(values.length).toBeGreaterThan(1);
      for (const value of values) expect(value).toMatch(/^[a-z0-9-]+$/);
    }
    expect(description.meaning).toMatch(/\.$/);
    expect(description.alert).toMatch(/\.$/);
  });
});
