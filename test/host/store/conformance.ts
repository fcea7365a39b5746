import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PolicyStore, type StoredState, StoreError } from "../../../host/store/types.ts";

/** One store under test; `clock.now` is what the store takes for the time (Unix seconds). */
export interface StoreUnderTest {
  readonly store: PolicyStore;
  readonly clock: { now: number };
  /** Opens the same data once more, as another process or a restart would. Left out where nothing is shared. */
  readonly again?: () => Promise<PolicyStore>;
  readonly dispose: () => Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (row: StoredState | null): string | null => (row === null ? null : new TextDecoder().decode(row.state));

async function all(store: PolicyStore): Promise<StoredState[]> {
  const rows: StoredState[] = [];
  for await (const row of store.list()) rows.push(row);
  return rows;
}

async function put(store: PolicyStore, domain: string, state: string, expected: number): Promise<number> {
  const version = await store.put(domain, bytes(state), expected);
  if (version === null) throw new Error(`${domain}: unexpected conflict`);
  return version;
}

/** What every PolicyStore does, whatever it is made of; `shared`: it has `again`. */
export function describeStore(name: string, make: () => Promise<StoreUnderTest>, shared: boolean): void {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: PolicyStore;
    beforeEach(async () => {
      under = await make();
      store = under.store;
    });
    afterEach(() => under.dispose());

    it("knows nothing of a domain that was never written", async () => {
      expect(await store.get("example.com")).toBeNull();
      expect(await store.version("example.com")).toBe(0);
      expect(await all(store)).toEqual([]);
      expect(await store.highWaterTime()).toBe(0);
      expect(await store.lostAt()).toBeNull();
    });

    it.each([
      ["no bytes", new Uint8Array(0)],
      ["every byte value", Uint8Array.from({ length: 256 }, (_, n) => n)],
      ["66,000 bytes", new Uint8Array(66_000).fill(0xa5)],
    ])("gives back %s as they were written", async (_, state) => {
      const version = await store.put("example.com", state, 0);
      expect(version).toBeGreaterThan(0);
      expect(await store.get("example.com")).toEqual({ domain: "example.com", state, version });
      expect(await store.version("example.com")).toBe(version);
    });

    it("keeps its own copy of a state", async () => {
      const state = bytes("enforce");
      const pending = store.put("example.com", state, 0);
      state.fill(0);
      await pending;
      (await store.get("example.com"))?.state.fill(0);
      expect(text(await store.get("example.com"))).toBe("enforce");
    });

    it("refuses a write under a version that is no longer there, and changes nothing (R-8461-CSM-12)", async () => {
      const first = await put(store, "example.com", "first", 0);
      expect(await store.put("example.com", bytes("created twice"), 0)).toBeNull();
      const second = await put(store, "example.com", "second", first);
      expect(await store.put("example.com", bytes("from an older fetch"), first)).toBeNull();
      expect(await store.put("example.com", bytes("from nowhere"), second + 1)).toBeNull();
      expect(await store.put("other.example", bytes("never was"), first)).toBeNull();
      expect(text(await store.get("example.com"))).toBe("second");
      expect(await store.get("other.example")).toBeNull();
    });

    it("gives growing versions, also across forget and insert, so that no version names two rows", async () => {
      const seen: number[] = [];
      for (let round = 0; round < 5; round++) {
        const created = await put(store, "example.com", `created ${round}`, 0);
        const changed = await put(store, "example.com", `changed ${round}`, created);
        seen.push(created, changed);
        expect(await store.forget("example.com", changed)).toBe(true);
        expect(await store.put("example.com", bytes("late"), changed)).toBeNull();
      }
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    });

    it("lets exactly one of many concurrent writers of one version through (R-8461-CSM-12)", async () => {
      const before = await put(store, "example.com", "before", 0);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) => store.put("example.com", bytes(`writer ${n}`), before)),
      );
      expect(results.filter((version) => version !== null)).toHaveLength(1);
      expect(text(await store.get("example.com"))).toBe(`writer ${results.findIndex((version) => version !== null)}`);
    });

    it("forgets one domain under its version and leaves the others (R-8461-CSM-18)", async () => {
      const kept = await put(store, "kept.example", "kept", 0);
      const version = await put(store, "example.com", "gone", 0);
      expect(await store.forget("example.com", 0)).toBe(false);
      expect(await store.forget("example.com", version + 1)).toBe(false);
      expect(await store.forget("example.com", version)).toBe(true);
      expect(await store.get("example.com")).toBeNull();
      expect(await store.version("example.com")).toBe(0);
      expect(await store.forget("example.com", version)).toBe(false);
      expect(await store.forget("example.com", 0)).toBe(true);
      expect(await store.version("kept.example")).toBe(kept);
    });

    it("lists every row in domain order (R-8461-CSM-18)", async () => {
      const domains = Array.from({ length: 450 }, (_, n) => `d${(n * 7919) % 1000}.example`);
      for (const domain of domains) await put(store, domain, domain, 0);
      const rows = await all(store);
      expect(rows.map(({ domain }) => domain)).toEqual([...domains].sort());
      for (const row of rows) {
        expect(text(row)).toBe(row.domain);
        expect(row.version).toBe(await store.version(row.domain));
      }
    });

    it("keeps one entry per Policy Domain by refusing any spelling but the canonical one (R-8461-KEY-01)", async () => {
      await put(store, "xn--bcher-kva.example", "enforce", 0);
      const spellings = [
        "Example.com",
        "example.com.",
        "bücher.example",
        "a..b",
        "",
        ".",
        "a b.example",
        "x:y.example",
      ];
      for (const domain of [...spellings, `${"a".repeat(64)}.example`, `${"a.".repeat(127)}example`, "a\0.example"]) {
        await expect(store.get(domain)).rejects.toThrow(TypeError);
        await expect(store.version(domain)).rejects.toThrow(TypeError);
        await expect(store.put(domain, bytes("x"), 0)).rejects.toThrow(TypeError);
        await expect(store.forget(domain, 0)).rejects.toThrow(TypeError);
      }
      expect((await all(store)).map(({ domain }) => domain)).toEqual(["xn--bcher-kva.example"]);
    });

    it("never lowers the high-water time when the clock goes back", async () => {
      under.clock.now = 1_800_000_000;
      const version = await put(store, "example.com", "a", 0);
      expect(await store.highWaterTime()).toBe(1_800_000_000);
      under.clock.now = 1_700_000_000;
      const later = await put(store, "example.com", "b", version);
      expect(await store.highWaterTime()).toBe(1_800_000_000);
      under.clock.now = 1_800_000_060;
      await store.forget("example.com", later);
      expect(await store.highWaterTime()).toBe(1_800_000_060);
    });

    it("does not take the time of a write that was refused", async () => {
      under.clock.now = 1_800_000_000;
      await put(store, "example.com", "a", 0);
      under.clock.now = 1_900_000_000;
      expect(await store.put("example.com", bytes("b"), 0)).toBeNull();
      expect(await store.highWaterTime()).toBe(1_800_000_000);
    });

    it("rejects every call after close with StoreError closed (R-8461-CSM-13)", async () => {
      await put(store, "example.com", "a", 0);
      await store.close();
      await store.close();
      const calls = [
        store.get("example.com"),
        store.version("example.com"),
        store.put("example.com", bytes("b"), 0),
        store.forget("example.com", 0),
        all(store),
        store.highWaterTime(),
        store.lostAt(),
      ];
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ status: "rejected", reason: { failure: "closed" } });
        expect((result as PromiseRejectedResult).reason).toBeInstanceOf(StoreError);
      }
    });

    const restart = shared ? it : null;
    restart?.(
      "shows a state and its back-off to another opener at once and after a restart (R-8461-3.3-11, R-8461-CSM-10)",
      async () => {
        const version = await put(store, "example.com", "enforce; failed id 2, no GET before 300 s", 0);
        const again = under.again as () => Promise<PolicyStore>;
        const other = await again();
        expect(text(await other.get("example.com"))).toBe("enforce; failed id 2, no GET before 300 s");
        const changed = await put(other, "example.com", "enforce; id 2", await other.version("example.com"));
        expect(await store.put("example.com", bytes("enforce; id 1"), version)).toBeNull();
        expect(text(await store.get("example.com"))).toBe("enforce; id 2");
        await store.close();
        await other.close();
        const restarted = await again();
        expect(await restarted.get("example.com")).toMatchObject({ version: changed });
        expect(text(await restarted.get("example.com"))).toBe("enforce; id 2");
        expect(await restarted.highWaterTime()).toBe(under.clock.now);
        await restarted.close();
      },
    );
  });
}
