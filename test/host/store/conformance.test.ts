import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../host/store/memory.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import { openResilientStore } from "../../../host/store/resilient.ts";
import { availableDriver, type SqliteDriver } from "../../../host/store/sqlite-driver.ts";
import type { PolicyStore } from "../../../host/store/types.ts";
import { describeStore, type StoreUnderTest } from "./conformance.ts";
import { scratchDirectory } from "./scratch.ts";

const scratch = scratchDirectory();
let files = 0;

async function overSqlite(open: (path: string, now: () => number) => Promise<PolicyStore>): Promise<StoreUnderTest> {
  const path = join(scratch, `${++files}`, "policies.db");
  const clock = { now: 1_790_000_000 };
  const opened: PolicyStore[] = [];
  const again = async (): Promise<PolicyStore> => {
    const store = await open(path, () => clock.now);
    opened.push(store);
    return store;
  };
  return {
    store: await again(),
    clock,
    again,
    dispose: async () => {
      for (const store of opened) await store.close();
    },
  };
}

const sqlite = (driver: SqliteDriver) => () => overSqlite((path, now) => openSqliteStore({ path, now, driver }));

describeStore(
  "memory store",
  async () => {
    const clock = { now: 1_790_000_000 };
    const store = new MemoryStore({ now: () => clock.now });
    return { store, clock, dispose: () => store.close() };
  },
  false,
);

describeStore("SQLite store through libsql", sqlite("libsql"), true);

if (availableDriver() === "node:sqlite") describeStore("SQLite store through node:sqlite", sqlite("node:sqlite"), true);
else
  describe("SQLite store through node:sqlite", () => {
    it("passes the same suite", (context) =>
      context.skip(`Node ${process.versions.node} has no complete node:sqlite; run the tests with Node >= 22.15`));
  });

describeStore(
  "resilient store over SQLite",
  () =>
    overSqlite((path, now) =>
      openResilientStore({ path, now, later: () => "theirs", open: () => openSqliteStore({ path, now }) }),
    ),
  true,
);

describe("memory store with a bound", () => {
  it("refuses rows that do not fit: 100,000 junk domains push out no enforce policy (R-8461-CSM-11)", async () => {
    const store = new MemoryStore({ now: () => 0, maxRows: 100 });
    const enforce = new TextEncoder().encode("enforce");
    for (let n = 0; n < 100; n++) await store.put(`enforce${n}.example`, enforce, 0);
    let refused = 0;
    for (let n = 0; n < 100_000; n++)
      await store.put(`junk${n}.example`, enforce, 0).catch(({ failure }) => {
        if (failure === "full") refused++;
      });
    expect(refused).toBe(100_000);
    for (let n = 0; n < 100; n++) expect(await store.get(`enforce${n}.example`)).not.toBeNull();
    const held = await store.version("enforce0.example");
    expect(await store.put("enforce0.example", enforce, held)).toBeGreaterThan(held);
  });
});
