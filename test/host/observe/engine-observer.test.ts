import { describe, expect, it } from "vitest";
import { observeEngine, observeStore } from "../../../host/observe/engine-observer.ts";
import { createLog } from "../../../host/observe/log.ts";
import { createMetrics } from "../../../host/observe/metrics.ts";
import { asStoreError, storeError } from "../../../host/store/sqlite-result.ts";

function listen() {
  const lines: Record<string, unknown>[] = [];
  const output = { write: (text: string) => lines.push(JSON.parse(text)), isTerminal: false, stream: null };
  const log = createLog({ level: "info", format: "json", env: {}, output });
  return { lines, engine: observeEngine(log, createMetrics({ version: "0" })), store: observeStore(log) };
}

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
