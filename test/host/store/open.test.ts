import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../host/store/open.ts";
import { SqliteConnection } from "../../../host/store/sqlite-driver.ts";
import { scratchDirectory } from "./scratch.ts";

const scratch = scratchDirectory();
const now = (): number => 1_790_000_000;
const one = new Uint8Array([1]);
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("opening the SQLite store", () => {
  it("creates directory 0700 and files 0600, whatever the umask", async () => {
    const path = join(scratch, "made", "here", "policies.db");
    const before = process.umask(0);
    try {
      const store = await openSqliteStore({ path, now });
      await store.put("example.com", one, 0);
      expect(mode(dirname(path))).toBe("700");
      const files = readdirSync(dirname(path));
      expect(files).toEqual(expect.arrayContaining(["policies.db", "policies.db-wal", "policies.db.lock"]));
      for (const file of files) expect([file, mode(join(dirname(path), file))]).toEqual([file, "600"]);
      await store.close();
    } finally {
      process.umask(before);
    }
  });

  it.each(["with space", "with ? and # and %41", "with ü", "with 'quote'"])("takes a path %s", async (name) => {
    const path = join(scratch, name, "policies.db");
    const store = await openSqliteStore({ path, now });
    await store.put("example.com", one, 0);
    await store.close();
    expect(existsSync(path)).toBe(true);
    expect(readdirSync(dirname(path)).every((file) => file.startsWith("policies.db"))).toBe(true);
  });

  it("writes ahead with an fsync for each commit", async () => {
    const path = join(scratch, "wal.db");
    const store = await openSqliteStore({ path, now });
    const raw = new SqliteConnection(path, "read-write");
    expect(raw.get("PRAGMA journal_mode")?.journal_mode).toBe("wal");
    raw.close();
    await store.close();
  });

  it("bounds the log however many writes come", async () => {
    const path = join(scratch, "log.db");
    const store = await openSqliteStore({ path, now });
    const state = new Uint8Array(20_000);
    let version: number | null = 0;
    for (let n = 0; n < 450; n++) version = await store.put("example.com", state, version ?? 0);
    expect(statSync(`${path}-wal`).size).toBeLessThan(1024 * 1024);
    await store.close();
  });

  it("waits for another process's write without stopping the event loop, then gives up as busy", async () => {
    const path = join(scratch, "busy.db");
    const store = await openSqliteStore({ path, now, busyLimit: 300 });
    const other = new SqliteConnection(path, "read-write");
    other.exec("BEGIN IMMEDIATE");
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    await expect(store.put("example.com", one, 0)).rejects.toMatchObject({ failure: "busy" });
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(5);
    const waiting = store.put("example.com", one, 0);
    other.exec("ROLLBACK");
    expect(await waiting).toBeGreaterThan(0);
    other.close();
    await store.close();
  });

  it("acknowledges no write into a file that was moved or deleted meanwhile", async () => {
    const path = join(scratch, "moved.db");
    const store = await openSqliteStore({ path, now });
    await store.put("example.com", one, 0);
    renameSync(path, `${path}.elsewhere`);
    for (const call of [store.put("a.example", one, 0), store.get("example.com"), store.version("example.com")])
      await expect(call).rejects.toMatchObject({ failure: "replaced" });
    await store.close();
  });

  it("names what stands in the way when the directory cannot be made", async () => {
    writeFileSync(join(scratch, "file"), "");
    for (const wrong of ["file", "file/x", "file/x/y"])
      await expect(openSqliteStore({ path: join(scratch, wrong, "policies.db"), now })).rejects.toMatchObject({
        failure: "unsupported",
        message: expect.stringContaining("set store.path to another place"),
      });
  });

  it.runIf(process.platform === "linux")("refuses a directory below /proc instead of trying for ever", async () => {
    await expect(openSqliteStore({ path: "/proc/mta-sts/deep/policies.db", now })).rejects.toMatchObject({
      failure: "unsupported",
      message: expect.stringContaining("/proc/mta-sts/deep cannot be made (ENOENT)"),
    });
  });

  it("makes missing parents as the umask says, and only the last one private", async () => {
    const path = join(scratch, "parent", "private", "policies.db");
    const before = process.umask(0o022);
    try {
      await (await openSqliteStore({ path, now })).close();
    } finally {
      process.umask(before);
    }
    expect([mode(join(scratch, "parent")), mode(join(scratch, "parent", "private"))]).toEqual(["755", "700"]);
  });

  it("refuses a lock file that is not its own instead of deleting it", async () => {
    const path = join(scratch, "odd", "policies.db");
    mkdirSync(`${path}.lock`, { recursive: true });
    await expect(openSqliteStore({ path, now })).rejects.toMatchObject({ failure: "unsupported" });
    rmSync(`${path}.lock`, { recursive: true });
    writeFileSync(`${path}.lock`, "something else, longer than a header of a database of SQLite: ".repeat(20));
    await expect(openSqliteStore({ path, now })).rejects.toThrow(/remove it/);
  });
});
