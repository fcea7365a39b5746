import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { openSqliteStore } from "../../../host/store/open.ts";
import { openResilientStore } from "../../../host/store/resilient.ts";
import { compileWorker, StoreWorker } from "./compiled-store.ts";
import { NoticeLog } from "./notice-log.ts";
import { scratchDirectory } from "./scratch.ts";
import { encode } from "./store-worker.ts";

const scratch = scratchDirectory();
const script = compileWorker();
const now = (): number => 1_790_000_000;
const state = (n: number): Uint8Array => new Uint8Array(1000).fill(n);

const mounted: string[] = [];
const run = (...command: string[]): boolean => spawnSync(command[0] ?? "", command.slice(1)).status === 0;
afterEach(() => {
  // Lazily: the driver may hold closed files open until the next garbage collection.
  for (const directory of mounted.splice(0)) run("umount", "-l", directory);
});

/** A file system of its own with `megabytes` of space; skips the test where none may be mounted. */
function smallDisk(context: TestContext, name: string, megabytes: number): string {
  const directory = join(scratch, name);
  mkdirSync(directory);
  if (!run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory))
    context.skip("mounting a tmpfs needs root");
  mounted.push(directory);
  return directory;
}

function openAt(path: string) {
  const log = new NoticeLog();
  const onEvent = log.take.bind(log);
  const open = (reopened: boolean) => openSqliteStore({ path, now, onEvent, reopened });
  return { log, opening: openResilientStore({ path, now, later: () => "theirs", onEvent, open }) };
}

function fill(directory: string): string {
  const ballast = join(directory, "ballast");
  expect(() => {
    for (let n = 0; n < 100_000; n++) writeFileSync(ballast, new Uint8Array(1024), { flag: "a" });
  }).toThrow(/ENOSPC/);
  return ballast;
}

/** Root may write everywhere, so these stores are opened by a user who may not; skips where that user sees nothing. */
function ordinaryUser(context: TestContext): { uid?: number } {
  if (process.getuid?.() !== 0) return {};
  const user = { uid: 65534 };
  chmodSync(scratch, 0o755);
  const reach = spawnSync(process.execPath, ["-e", "fs.accessSync(process.argv[1])", "--", script], user);
  if (reach.status !== 0) context.skip("an ordinary user cannot reach this node or this checkout");
  return user;
}

describe("a full disk", () => {
  it("kills nothing: reads go on, new policies are served from memory and written within 5 s of space (R-8461-CSM-10)", async (context) => {
    const directory = smallDisk(context, "full", 2);
    const path = join(directory, "store", "policies.db");
    const { log, opening } = openAt(path);
    const store = await opening;
    for (let n = 0; n < 50; n++) await store.put(`old${n}.example`, state(n), 0);
    for (let round = 0; round < 3; round++) {
      const ballast = fill(directory);
      for (let n = 0; n < 200; n++) {
        const domain = `new${n}.example`;
        expect(await store.put(domain, state(n + round), await store.version(domain))).toBeGreaterThan(0);
      }
      expect(store.status()).toMatchObject({ persisting: false });
      expect(store.status().reason).toMatch(/disk is full; free some space/);
      for (let n = 0; n < 50; n++) expect((await store.get(`old${n}.example`))?.state).toEqual(state(n));
      for (let n = 0; n < 200; n++) expect((await store.get(`new${n}.example`))?.state).toEqual(state(n + round));

      log.notices.length = 0;
      const healed = log.wait("store-persisting");
      rmSync(ballast);
      const from = performance.now();
      await healed;
      expect(performance.now() - from).toBeLessThan(5000);
      expect(store.status()).toEqual({ persisting: true, reason: "", unwritten: 0 });
    }
    await store.close();
    const restarted = await openSqliteStore({ path, now });
    for (let n = 0; n < 200; n++) expect((await restarted.get(`new${n}.example`))?.state).toEqual(state(n + 2));
    expect(await restarted.lostAt()).toBeNull();
    await restarted.close();
  }, 60_000);

  it("at start keeps nothing from starting, and the store opens when space returns", async (context) => {
    const directory = smallDisk(context, "full-at-start", 1);
    const path = join(directory, "policies.db");
    const ballast = fill(directory);
    const { log, opening } = openAt(path);
    const store = await opening;
    expect(log.events).toEqual(["store-not-persisting"]);
    await expect(store.get("a.example")).rejects.toMatchObject({ name: "StoreError" });
    const version = await store.put("a.example", state(1), 0);
    expect((await store.get("a.example"))?.version).toBe(version);
    rmSync(ballast);
    await log.wait("store-persisting");
    expect((await store.get("a.example"))?.state).toEqual(state(1));
    await store.close();
  }, 30_000);
});

describe("a store that may not be written", () => {
  it("on a read-only file system is read, its log included, says so, and is written when it may (R-8461-CSM-10)", async (context) => {
    const directory = smallDisk(context, "read-only", 4);
    const path = join(directory, "policies.db");
    const ackLog = join(scratch, "read-only-acks");
    const worker = new StoreWorker(script, { path, name: "w", domains: ["a.example"], task: "endless", ackLog });
    await worker.report("opened");
    await worker.kill(); // leaves a log that was never folded into the file
    const before = await openSqliteStore({ path, now });
    if ((await before.get("held.example")) === null) await before.put("held.example", state(7), 0);
    await before.close();
    const writer = new StoreWorker(script, { path, name: "w", domains: ["b.example"], task: "hold" });
    await writer.report("opened");
    writer.proceed();
    await writer.report("written");
    await writer.kill();
    // A private copy of the tree, so that no descriptor of this process is open for writing on it.
    const copy = smallDisk(context, "read-only-copy", 4);
    expect(run("cp", "-a", `${directory}/.`, copy)).toBe(true);
    expect(run("mount", "-o", "remount,ro", copy)).toBe(true);

    const { log, opening } = openAt(join(copy, "policies.db"));
    const store = await opening;
    expect(log.events).toEqual(["store-read-only", "store-not-persisting"]);
    expect(store.status()).toMatchObject({ persisting: false });
    expect(store.status().reason).toMatch(/open for reading only/);
    expect((await store.get("held.example"))?.state).toEqual(state(7));
    expect(await store.get("b.example")).not.toBeNull();
    expect(await store.put("new.example", state(9), 0)).toBeGreaterThan(0);
    expect(run("mount", "-o", "remount,rw", copy)).toBe(true);
    await log.wait("store-persisting");
    expect(store.status().persisting).toBe(true);
    await store.close();
    const restarted = await openSqliteStore({ path: join(copy, "policies.db"), now });
    expect((await restarted.get("new.example"))?.state).toEqual(state(9));
    await restarted.close();
  }, 60_000);

  it.for([
    { name: "a read-only file in a writable directory", directoryMode: 0o755, fileMode: 0o444 },
    { name: "a file in a read-only directory", directoryMode: 0o555, fileMode: 0o644 },
    { name: "a read-only file in a read-only directory", directoryMode: 0o555, fileMode: 0o444 },
  ])("opens $name for reading and says so", async ({ name, directoryMode, fileMode }, context) => {
    const user = ordinaryUser(context);
    const made = join(scratch, `made ${name}`, "policies.db");
    const maker = await openSqliteStore({ path: made, now });
    await maker.put("a.example", encode({ fetches: 7, id: "x", body: "policy of x" }), 0);
    await maker.close();
    const path = join(scratch, name, "policies.db");
    mkdirSync(dirname(path));
    copyFileSync(made, path);
    for (const owned of [path, dirname(path)]) if (user.uid !== undefined) chownSync(owned, user.uid, user.uid);
    chmodSync(path, fileMode);
    chmodSync(dirname(path), directoryMode);
    const worker = new StoreWorker(script, { path, name: "w", domains: ["a.example"], task: "hold" }, user);
    const opened = await worker.report("opened");
    expect(opened).toMatchObject({ persisting: false, lostAt: null, events: ["store-read-only"] });
    expect(opened.held).toContain("policy of x");
    worker.proceed();
    expect(await worker.report("failed")).toMatchObject({ failure: "read-only" });
    await worker.ended;
    chmodSync(dirname(path), 0o755);
  });

  /** Root's files, with these modes, as an ordinary user finds them. Null: there is none. */
  const strangers = (name: string, modes: { directory: number; file: number | null; lock: number | null }): string => {
    const path = join(scratch, name, "policies.db");
    mkdirSync(dirname(path));
    for (const [file, mode] of [
      [path, modes.file],
      [`${path}.lock`, modes.lock],
    ] as const)
      if (mode !== null) {
        if (file === path) copyFileSync(sample, file);
        else writeFileSync(file, "");
        chmodSync(file, mode);
      }
    chmodSync(dirname(path), modes.directory);
    return path;
  };
  const sample = join(scratch, "sample", "policies.db");
  beforeAll(async () => (await openSqliteStore({ path: sample, now })).close());
  const asRoot = (context: TestContext): { uid?: number } => {
    const user = ordinaryUser(context);
    if (user.uid === undefined) context.skip("making another user's files needs root");
    return user;
  };

  it.for([
    {
      name: "a closed directory",
      directory: 0o700,
      file: 0o644,
      lock: 0o644,
      denied: /use \/a closed directory; chown/,
    },
    {
      name: "an empty directory",
      directory: 0o755,
      file: null,
      lock: null,
      denied: /use \/an empty directory; chown/,
    },
    {
      name: "a lock alone",
      directory: 0o777,
      file: null,
      lock: 0o600,
      denied: /use \/a lock alone\/policies\.db\.lock; /,
    },
    {
      name: "a readable lock alone",
      directory: 0o777,
      file: null,
      lock: 0o644,
      denied: /use \/a readable lock alone\/policies\.db\.lock; /,
    },
    { name: "a closed file", directory: 0o777, file: 0o600, lock: null, denied: /use \/a closed file\/policies\.db; / },
    {
      name: "all closed",
      directory: 0o755,
      file: 0o600,
      lock: 0o600,
      denied: /use \/all closed and \/all closed\/policies\.db and \/all closed\/policies\.db\.lock; /,
    },
  ])(
    "refuses $name of another user: who may not use what, and what to do",
    async ({ name, denied, ...modes }, context) => {
      const user = asRoot(context);
      const path = strangers(name, modes);
      const worker = new StoreWorker(script, { path, name: "w", domains: ["a.example"], task: "hold" }, user);
      const { failure, message } = await worker.report("failed");
      expect(failure).toBe("unsupported");
      expect(message).toContain(`policy store ${path}: user ${user.uid} may not use `);
      expect(message.replaceAll(scratch, "")).toMatch(denied);
      expect(message).toContain("chown it to the daemon's user or set store.path to another place");
      await worker.ended;
    },
  );

  it("refuses a directory that this user may not make", async (context) => {
    const user = asRoot(context);
    const path = join(scratch, "sample", "deeper", "still", "policies.db");
    const worker = new StoreWorker(script, { path, name: "w", domains: ["a.example"], task: "hold" }, user);
    const message = `user ${user.uid} may not use ${join(scratch, "sample")}; chown`;
    expect(await worker.report("failed")).toMatchObject({
      failure: "unsupported",
      message: expect.stringContaining(message),
    });
    await worker.ended;
  });

  it.for([0o600, 0o644])("reads another user's readable store beside a lock of mode %o", async (lock, context) => {
    const user = asRoot(context);
    const path = strangers(`readable ${lock}`, { directory: 0o755, file: 0o644, lock });
    const worker = new StoreWorker(script, { path, name: "w", domains: ["a.example"], task: "hold" }, user);
    expect(await worker.report("opened")).toMatchObject({ persisting: false, events: ["store-read-only"] });
    await worker.kill();
  });
});
