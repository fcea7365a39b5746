import { describe, expect, it } from "vitest";
import type { Decision } from "../../../host/engine/decision.ts";
import { observeEngine, observeStore } from "../../../host/observe/engine-observer.ts";
import { createLog } from "../../../host/observe/log.ts";
import { createMetrics } from "../../../host/observe/metrics.ts";
import { asStoreError, storeError } from "../../../host/store/sqlite-result.ts";

function listen() {
  const lines: Record<string, unknown>[] = [];
  const output = { write: (text: string) => lines.push(JSON.parse(text)), isTerminal: false, stream: null };
  const log = createLog({ level: "info", format: "json", env: {}, output });
  const metrics = createMetrics({ version: "0" });
  const failOpen = async () =>
    (await metrics.text()).split("\n").filter((line) => /^mta_sts_fail_open_total\{.*\} [1-9]/.test(line));
  return { lines, failOpen, engine: observeEngine(log, metrics), store: observeStore(log) };
}

function decided(verdict: Decision["verdict"], status: Decision["status"]): Decision {
  const reason = verdict === "temp" ? "discovery-failed" : null;
  const rest = { resultType: null, detail: "", policy: null, reuse: 0, recheck: false };
  return { domain: "a.example", verdict, status, reason, ...rest };
}

describe("mail that leaves less protected than its domain may have asked for", () => {
  it.each(["record-failed", "record-invalid", "fetch-failed", "policy-invalid"] as const)(
    "is counted by its reason: %s",
    async (status) => {
      const { engine, failOpen } = listen();
      engine.answered(decided("none", status));
      expect(await failOpen()).toEqual([`mta_sts_fail_open_total{reason="${status}"} 1`]);
    },
  );

  it("is counted and logged when a policy expires without a refresh", async () => {
    const { engine, failOpen, lines } = listen();
    engine.notice({ notice: "policy-expired", domain: "a.example", detail: "", number: 604_801, decision: null });
    expect(await failOpen()).toEqual(['mta_sts_fail_open_total{reason="policy-expired"} 1']);
    expect(lines).toEqual([expect.objectContaining({ event: "policy-expired", domain: "a.example", level: "warn" })]);
  });

  it("is logged when the deferral of a failing discovery ends", () => {
    const { engine, lines } = listen();
    const detail = "TXT _mta-sts.a.example: SERVFAIL from 127.0.0.1";
    const decision = decided("none", "record-failed");
    engine.notice({ notice: "discovery-open", domain: "a.example", detail, number: 600, decision });
    expect(lines).toEqual([expect.objectContaining({ event: "discovery-open", detail, todo: expect.any(String) })]);
  });

  it("is not counted where nothing was given up: no record, a TEMP, a held policy", async () => {
    const { engine, failOpen } = listen();
    engine.answered(decided("none", "no-record"));
    engine.answered(decided("temp", "record-failed"));
    engine.answered(decided("policy", "fetch-failed"));
    expect(await failOpen()).toEqual([]);
  });
});

const PATH = "/var/lib/mta-sts/policies.db";
const detail = storeError("io", PATH, "SQLite error 266, disk I/O error").message;

describe("a store that could not be read", () => {
  it("is logged without a domain when it was not read for one", () => {
    const { engine, lines } = listen();
    engine.storeFailed("io", "", detail);
    expect(lines).toEqual([expect.objectContaining({ event: "store-read-failed", detail })]);
    expect(lines[0]).not.toHaveProperty("domain");
    expect(lines[0]?.msg).toBe(
      `the store could not be read (${detail}); looked up live; anything but a policy is answered TEMP`,
    );
  });

  it("is logged with the domain it was read for", () => {
    const { engine, lines } = listen();
    engine.storeFailed("io", "a.example", detail);
    expect(lines).toEqual([expect.objectContaining({ event: "store-read-failed", domain: "a.example", detail })]);
  });
});

describe("what the store says of itself", () => {
  const denied = Object.assign(new Error(`EIO: i/o error, open '${PATH}'`), { code: "EIO", path: PATH });

  it.each([
    ["a reason that names its path", detail, detail],
    ["an error of Node's that ends in it", asStoreError(denied, PATH).message, expect.stringContaining("EIO")],
    ["a reason without it", "disk I/O error", `${PATH}: disk I/O error`],
  ])("is logged with the path once: %s", (_, reason, expected) => {
    const { store, lines } = listen();
    store({ event: "store-not-persisting", path: PATH, reason });
    expect(lines).toEqual([expect.objectContaining({ detail: expected })]);
    expect(String(lines[0]?.detail).split(PATH)).toHaveLength(2);
  });
});
