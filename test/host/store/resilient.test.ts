import { once } from "node:events";
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { StoreNotice } from "../../../host/store/notice.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import { openResilientStore, type ResilientStore, type ResilientStoreOptions } from "../../../host/store/resilient.ts";
import { rowChecksum } from "../../../host/store/row-checksum.ts";
import { SqliteConnection } from "../../../host/store/sqlite-driver.ts";
import { NoticeLog } from "./notice-log.ts";
import { scratchDirectory } from "./scratch.ts";

const scratch = scratchDirectory();
let clock = 1_790_000_000;
const now = (): number => clock;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let places = 0;
const opened: ResilientStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function openAt(path: string, more: Partial<ResilientStoreOptions> = {}) {
  const log = new NoticeLog();
  const onEvent = (notice: StoreNotice): void => log.take(notice);
  const store = await openResilientStore({
    path,
    now,
    later: () => "theirs",
    onEvent,
    open: (reopened) => openSqliteStore({ path, now, onEvent, reopened, busyLimit: 30 }),
    ...more,
  });
  opened.push(store);
  return { store, log };
}

const newPath = (): string => join(scratch, `place${++places}`, "policies.db");

async function text(store: ResilientStore, domain: string): Promise<string | null> {
  const row = await store.get(domain);
  return row === null ? null : new TextDecoder().decode(row.state);
}

async function put(store: ResilientStore, domain: string, state: string): Promise<number> {
  const version = await store.put(domain, bytes(state), await store.version(domain));
  if (version === null) throw new Error(`${domain}: unexpected conflict`);
  return version;
}

/** A write lock held by somebody else, the gentlest real way to make every write fail. */
function blockWrites(path: string): SqliteConnection {
  const blocker = new SqliteConnection(path, "read-write");
  blocker.exec("BEGIN IMMEDIATE");
  return blocker;
}

function release(blocker: SqliteConnection): void {
  blocker.exec("COMMIT");
  blocker.close();
}

async function onDisk(path: string): Promise<Record<string, string>> {
  const store = await openSqliteStore({ path, now });
  const rows: Record<string, string> = {};
  for await (const { domain, state } of store.list()) rows[domain] = new TextDecoder().decode(state);
  await store.close();
  return rows;
}

describe("a store whose writes fail", () => {
  it("says so, serves the new states from memory, and writes them when it heals", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    await put(store, "a.example", "a1");
    await put(store, "gone.example", "x");
    const blocker = blockWrites(path);
    await put(store, "a.example", "a2");
    expect(store.status()).toMatchObject({ persisting: false, unwritten: 1 });
    expect(store.status().reason).toMatch(/^[\x20-\x7e]*locked[\x20-\x7e]*$/);
    expect(log.events).toEqual(["store-not-persisting"]);
    await put(store, "b.example", "b1");
    expect(await store.forget("gone.example", await store.version("gone.example"))).toBe(true);

    expect(await text(store, "a.example")).toBe("a2");
    expect(await text(store, "b.example")).toBe("b1");
    expect(await text(store, "gone.example")).toBeNull();
    expect(await store.version("gone.example")).toBe(0);
    const listed: string[] = [];
    for await (const row of store.list()) listed.push(`${row.domain} ${new TextDecoder().decode(row.state)}`);
    expect(listed).toEqual(["a.example a2", "b.example b1"]);
    expect(await store.highWaterTime()).toBe(now());

    release(blocker);
    await log.wait("store-persisting");
    expect(store.status()).toEqual({ persisting: true, reason: "", unwritten: 0 });
    expect(await onDisk(path)).toEqual({ "a.example": "a2", "b.example": "b1" });
    expect(log.events).toEqual(["store-not-persisting", "store-persisting"]);
  });

  it("still compares before it swaps, with growing versions, before, while and after (R-8461-CSM-12)", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    const versions = [await put(store, "a.example", "1")];
    const blocker = blockWrites(path);
    expect(await store.put("a.example", bytes("older"), 0)).toBeNull();
    expect(await store.put("none.example", bytes("older"), versions[0] ?? 0)).toBeNull();
    versions.push(await put(store, "a.example", "2"));
    expect(await store.put("a.example", bytes("older"), versions[0] ?? 0)).toBeNull();
    expect(await store.forget("a.example", versions[0] ?? 0)).toBe(false);
    const race = await Promise.all(["3", "3"].map((state) => store.put("a.example", bytes(state), versions[1] ?? 0)));
    versions.push(...race.filter((version) => version !== null));
    expect(versions).toHaveLength(3);
    expect(await store.forget("a.example", versions[2] ?? 0)).toBe(true);
    expect(await store.put("a.example", bytes("older"), versions[2] ?? 0)).toBeNull();
    versions.push(await put(store, "a.example", "4"));
    for (const name of ["x", "y"]) versions.push(await put(store, "new.example", name));
    expect(new Set(versions).size).toBe(versions.length);
    expect(versions.slice(0, 4)).toEqual(versions.slice(0, 4).sort((a, b) => a - b));
    release(blocker);
    await log.wait("store-persisting");
    expect(await store.put("a.example", bytes("older"), versions[3] ?? 0)).toBeNull();
    expect(await text(store, "a.example")).toBe("4");
    expect(await store.version("a.example")).toBeGreaterThan(Math.max(...versions));
    expect(await onDisk(path)).toEqual({ "a.example": "4", "new.example": "y" });
  });

  it.each([
    ["ours", "from memory"],
    ["theirs", "from the other process"],
  ] as const)(
    "lets the later fetch win when another process wrote meanwhile: %s (R-8461-CSM-12)",
    async (winner, expected) => {
      const path = newPath();
      const asked: string[] = [];
      const later: ResilientStoreOptions["later"] = (domain, ours, theirs) => {
        asked.push([domain, ...[ours, theirs].map((state) => new TextDecoder().decode(state))].join(", "));
        return winner;
      };
      const { store, log } = await openAt(path, { later });
      await put(store, "a.example", "first");
      const blocker = blockWrites(path);
      await put(store, "a.example", "from memory");
      const theirs = bytes("from the other process");
      const version = 1e12;
      blocker.run(
        "UPDATE policy SET state = ?, version = ?, checksum = ?",
        theirs,
        version,
        rowChecksum("a.example", version, theirs),
      );
      release(blocker);
      await log.wait("store-persisting");
      expect(asked).toEqual(["a.example, from memory, from the other process"]);
      expect(await onDisk(path)).toEqual({ "a.example": expected });
      expect(await text(store, "a.example")).toBe(expected);
    },
  );

  it("keeps a policy that another process forgot meanwhile, and does not forget one that it renewed", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    await put(store, "kept.example", "1");
    await put(store, "renewed.example", "1");
    const blocker = blockWrites(path);
    await put(store, "kept.example", "2");
    await store.forget("renewed.example", await store.version("renewed.example"));
    const state = bytes("2");
    blocker.exec("DELETE FROM policy WHERE domain = 'kept.example'");
    blocker.run(
      "UPDATE policy SET state = ?, version = 1, checksum = ?",
      state,
      rowChecksum("renewed.example", 1, state),
    );
    release(blocker);
    await log.wait("store-persisting");
    expect(await onDisk(path)).toEqual({ "kept.example": "2", "renewed.example": "2" });
  });

  it("bounds the memory it keeps states in, by refusing new ones", async () => {
    const path = newPath();
    const { store } = await openAt(path, { maxBytes: 10_000 });
    const blocker = blockWrites(path);
    let kept = 0;
    for (; kept < 1000; kept++)
      try {
        await store.put(`d${kept}.example`, new Uint8Array(1000), 0);
      } catch (error) {
        expect(error).toMatchObject({ name: "StoreError", failure: "full" });
        break;
      }
    expect(kept).toBe(8);
    expect(await text(store, "d0.example")).toHaveLength(1000);
    await put(store, "d0.example", "smaller");
    await store.put("fits.example", new Uint8Array(500), 0);
    release(blocker);
  });

  it("says at close what was never written", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    const blocker = blockWrites(path);
    await put(store, "a.example", "1");
    await store.close();
    expect(log.events).toEqual(["store-not-persisting", "store-unwritten"]);
    release(blocker);
  });

  it("writes at close what can be written by then", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    const blocker = blockWrites(path);
    await put(store, "a.example", "1");
    release(blocker);
    await store.close();
    expect(log.events).not.toContain("store-unwritten");
    expect(await onDisk(path)).toEqual({ "a.example": "1" });
  });

  it("is not disturbed by a listener that throws", async () => {
    const path = newPath();
    const open = () => openSqliteStore({ path, now, busyLimit: 30 });
    let told = 0;
    const heard = new EventTarget();
    const { store } = await openAt(path, {
      open,
      onEvent: () => {
        if (++told === 2) heard.dispatchEvent(new Event("second"));
        throw new Error("listener");
      },
    });
    const blocker = blockWrites(path);
    const second = once(heard, "second");
    await put(store, "a.example", "1");
    release(blocker);
    await second;
    expect(await onDisk(path)).toEqual({ "a.example": "1" });
  });
});

describe("a store whose file is lost under it", () => {
  it.each([
    ["deleted", (path: string) => rmSync(path)],
    ["moved away", (path: string) => renameSync(path, `${path}.moved`)],
    [
      "replaced by another file",
      (path: string) => {
        writeFileSync(`${path}.other`, "text ".repeat(3000));
        renameSync(`${path}.other`, path);
      },
    ],
  ])(
    "opens again when it was %s, knows that policies were lost, and keeps what it acknowledges (R-8461-CSM-13)",
    async (_, lose) => {
      const path = newPath();
      const { store, log } = await openAt(path);
      await put(store, "a.example", "1");
      const version = await store.version("a.example");
      expect(await store.lostAt()).toBeNull();
      lose(path);
      clock++;
      await expect(store.get("a.example")).rejects.toMatchObject({ failure: "replaced" });
      expect(await store.put("a.example", bytes("2"), version)).toBeGreaterThan(version);
      expect(await text(store, "a.example")).toBe("2");
      await log.wait("store-persisting");
      expect(await store.lostAt()).toBe(now());
      expect(await onDisk(path)).toEqual({ "a.example": "2" });
      expect(await store.version("a.example")).toBeGreaterThan(version);
      expect(log.events).toContain("store-quarantined");
    },
  );

  it("sets a file aside that turns out damaged while it is in use", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    for (let n = 0; n < 40; n++) await store.put(`d${n}.example`, new Uint8Array(2000), 0);
    await store.close();
    const running = await openAt(path);
    writeFileSync(path, "text ".repeat(30_000)); // in place: the same inode, as a bad disk would do it
    expect(await running.store.put("a.example", bytes("1"), 0)).toBeGreaterThan(0);
    await running.log.wait("store-persisting");
    expect(running.log.events).toContain("store-quarantined");
    expect(await running.store.lostAt()).toBe(now());
    expect(await onDisk(path)).toEqual({ "a.example": "1" });
    expect(log.events).toEqual([]);
  });

  it("follows when another process sets the file aside", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    await put(store, "a.example", "1");
    writeFileSync(`${path}-copy`, "text ".repeat(3000));
    renameSync(`${path}-copy`, path);
    const other = await openSqliteStore({ path, now });
    await other.put("other.example", bytes("theirs"), 0);
    await put(store, "b.example", "2").catch(() => store.put("b.example", bytes("2"), 0));
    await log.wait("store-persisting");
    expect(await text(store, "other.example")).toBe("theirs");
    expect(new TextDecoder().decode((await other.get("b.example"))?.state)).toBe("2");
    expect(readdirSync(dirname(path)).filter((name) => /corrupt-[0-9TZ]+$/.test(name))).toHaveLength(1);
    await other.close();
  });
});

describe("a store that cannot be opened at start", () => {
  it("rejects reads, keeps writes, and opens as soon as it can (R-8461-CSM-13)", async () => {
    const path = newPath();
    await (await openSqliteStore({ path, now })).close();
    const other = new SqliteConnection(path, "read-write");
    other.exec("BEGIN IMMEDIATE");
    const { store, log } = await openAt(path);
    expect(log.events).toEqual(["store-not-persisting"]);
    expect(store.status().persisting).toBe(false);
    await expect(store.get("a.example")).rejects.toMatchObject({ name: "StoreError", failure: "busy" });
    await expect(store.version("a.example")).rejects.toMatchObject({ name: "StoreError" });
    await expect(store.lostAt()).rejects.toMatchObject({ name: "StoreError" });
    expect(await store.put("a.example", bytes("1"), 0)).toBeGreaterThan(0);
    expect(await text(store, "a.example")).toBe("1");
    other.exec("ROLLBACK");
    other.close();
    await log.wait("store-persisting");
    expect(await text(store, "a.example")).toBe("1");
    expect(await onDisk(path)).toEqual({ "a.example": "1" });
  });

  it("stops the start where only an operator can help", async () => {
    const path = newPath();
    mkdirSync(dirname(dirname(path)), { recursive: true });
    writeFileSync(dirname(path), "a file where the directory should be");
    for (const wrong of ["/dev/null", dirname(dirname(path)), path])
      await expect(openAt(wrong)).rejects.toMatchObject({ failure: "unsupported" });
  });

  it("goes on from memory when the path becomes unusable later, and heals once it is usable again", async () => {
    const path = newPath();
    const { store, log } = await openAt(path);
    await put(store, "a.example", "1");
    rmSync(path);
    mkdirSync(path);
    const version = await store.put("b.example", bytes("2"), 0);
    expect(version).toBeGreaterThan(0);
    await vi.waitFor(() => expect(store.status().reason).toContain("is a directory"), 5000);
    expect(log.events).toEqual(["store-not-persisting"]);
    expect(await text(store, "b.example")).toBe("2");
    rmdirSync(path);
    await log.wait("store-persisting");
    expect(await onDisk(path)).toMatchObject({ "b.example": "2" });
  });
});
