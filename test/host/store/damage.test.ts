import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { StoreNotice } from "../../../host/store/notice.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import { SqliteConnection } from "../../../host/store/sqlite-driver.ts";
import { StoreError } from "../../../host/store/types.ts";
import { scratchDirectory, seeded } from "./scratch.ts";

const scratch = scratchDirectory();
const NOW = 1_790_000_000;
const now = (): number => NOW;
const PAGE = 4096;
const sound = join(scratch, "sound.db");
const states = new Map(
  Array.from({ length: 60 }, (_, n) => [`d${n}.example`, new Uint8Array(500 + n).fill(n + 1)] as const),
);

beforeAll(async () => {
  const store = await openSqliteStore({ path: sound, now });
  for (const [domain, state] of states) await store.put(domain, state, 0);
  await store.close();
});

let places = 0;
const place = (): string => {
  const path = join(scratch, `place${++places}`, "policies.db");
  mkdirSync(dirname(path));
  return path;
};

async function openTimed(path: string) {
  const notices: StoreNotice[] = [];
  const from = performance.now();
  const store = await openSqliteStore({ path, now, onEvent: (notice) => notices.push(notice) });
  return { store, notices, took: performance.now() - from };
}

const asideOf = (path: string): string[] =>
  readdirSync(dirname(path)).filter((name) => /^policies\.db\.corrupt-\d{8}T\d{6}Z$/.test(name));

/** Opened within 3 s, emptied, told, working; what was there is kept under its new name. */
async function expectQuarantined(path: string, cause: RegExp): Promise<string> {
  const { store, notices, took } = await openTimed(path);
  expect(took).toBeLessThan(3000);
  expect(notices.map(({ event }) => event)).toEqual(["store-quarantined"]);
  expect(notices[0]?.reason).toMatch(cause);
  expect(notices[0]?.reason).toContain(path);
  expect(await store.lostAt()).toBe(NOW);
  for (const domain of states.keys()) expect(await store.get(domain)).toBeNull();
  const version = await store.put("example.com", new Uint8Array([1]), 0);
  expect(await store.version("example.com")).toBe(version);
  expect(store.status()).toEqual({ persisting: true, reason: "", unwritten: 0 });
  await store.close();
  const aside = asideOf(path);
  expect(aside).toHaveLength(1);

  const again = await openTimed(path);
  expect(again.notices).toEqual([]);
  expect(await again.store.lostAt()).toBe(NOW);
  expect(await again.store.version("example.com")).toBe(version);
  await again.store.close();
  return join(dirname(path), aside[0] ?? "");
}

const withZeroedPage = (image: Buffer, page: number): Buffer => {
  const damaged = Buffer.from(image);
  damaged.fill(0, page * PAGE, (page + 1) * PAGE);
  return damaged;
};

const IMAGES: ReadonlyArray<readonly [name: string, damage: (image: Buffer) => Buffer]> = [
  ["an empty file", () => Buffer.alloc(0)],
  ["a text file", () => Buffer.from("# mta-sts configuration\n".repeat(300))],
  ["random bytes", (image) => Buffer.from(Array.from(image, noise))],
  ["a file cut inside its header", (image) => image.subarray(0, 50)],
  ["a file cut after its first page", (image) => image.subarray(0, PAGE)],
  ["a file cut inside a page", (image) => image.subarray(0, image.length / 2 + 100)],
  ["a file without its last page", (image) => image.subarray(0, image.length - PAGE)],
  ["a file of zeros", (image) => Buffer.alloc(image.length)],
  ["a zeroed first page", (image) => withZeroedPage(image, 0)],
  ["a zeroed second page", (image) => withZeroedPage(image, 1)],
  ["a zeroed last page", (image) => withZeroedPage(image, image.length / PAGE - 1)],
  ["a changed schema version alone", (image) => writeAt(image, 60, [0, 0, 0, 9])],
  ["a changed application id", (image) => writeAt(image, 68, [1, 2, 3, 4])],
  ["a changed key in the table or its index", (image) => changeFirst(image, "d17.example", "d1Z.example")],
];

const random = seeded(3);
const noise = (): number => Math.floor(random() * 256);

function writeAt(image: Buffer, offset: number, values: readonly number[]): Buffer {
  const damaged = Buffer.from(image);
  damaged.set(values, offset);
  return damaged;
}

function changeFirst(image: Buffer, from: string, to: string): Buffer {
  expect(image.indexOf(from)).toBeGreaterThan(0);
  return writeAt(image, image.indexOf(from), [...Buffer.from(to)]);
}

describe("a damaged store file at start", () => {
  it.each(IMAGES)("%s is set aside within 3 s, reported, and an empty store serves", async (_, damage) => {
    const path = place();
    const image = damage(readFileSync(sound));
    writeFileSync(path, image);
    const aside = await expectQuarantined(path, /cannot be used: .+; what was there is now .+definite discovery/);
    expect(readFileSync(aside).equals(image)).toBe(true);
  });

  it("a log without its database counts as lost policies", async () => {
    const path = place();
    writeFileSync(`${path}-wal`, "left behind");
    const { store, notices } = await openTimed(path);
    expect(notices.map(({ event }) => event)).toEqual(["store-quarantined"]);
    expect(await store.lostAt()).toBe(NOW);
    await store.close();
  });

  it("a quarantine that was interrupted counts as lost policies", async () => {
    const path = place();
    copyFileSync(sound, `${path}.new`);
    const { store, notices } = await openTimed(path);
    expect(notices.map(({ event }) => event)).toEqual(["store-quarantined"]);
    expect(await store.lostAt()).toBe(NOW);
    expect(await store.get("d1.example")).toBeNull();
    await store.close();
  });

  it("40 files with 1 to 64 flipped bits: no wrong state is ever served, each flip is either harmless or told", async () => {
    const flips = seeded(64);
    const outcome = { quarantined: 0, rowsRefused: 0, unharmed: 0 };
    for (let n = 0; n < 40; n++) {
      const path = place();
      const image = readFileSync(sound);
      for (let bit = 0; bit < 1 << (n % 7); bit++) {
        const at = Math.floor(flips() * image.length);
        image[at] = (image[at] ?? 0) ^ (1 << Math.floor(flips() * 8));
      }
      writeFileSync(path, image);
      const { store, notices, took } = await openTimed(path);
      expect(took).toBeLessThan(3000);
      const lost = (await store.lostAt()) !== null;
      expect(notices.some(({ event }) => event === "store-quarantined")).toBe(lost);
      let refused = 0;
      for (const [domain, state] of states) {
        const row = await store.get(domain).catch((error: unknown) => {
          expect(error).toMatchObject({ name: "StoreError", failure: "damaged-row" });
          refused++;
          return undefined;
        });
        if (row === null) expect(lost).toBe(true);
        else if (row !== undefined) expect(row.state).toEqual(state);
      }
      expect(notices.filter(({ event }) => event === "store-row-damaged")).toHaveLength(refused);
      outcome[lost ? "quarantined" : refused > 0 ? "rowsRefused" : "unharmed"]++;
      await store.close();
    }
    console.log(`40 files with flipped bits: ${JSON.stringify(outcome)}`);
    expect(outcome.quarantined).toBeGreaterThan(0);
    expect(outcome.rowsRefused).toBeGreaterThan(0);
  }, 120_000);
});

describe("a store path this program must not touch", () => {
  /** Refused at each start, also of a process that had the store open before; nothing new stands beside it. */
  async function expectLeftAlone(path: string, cause: RegExp): Promise<void> {
    const beside = readdirSync(dirname(path));
    for (const reopened of [false, true]) {
      const opening = openSqliteStore({ path, now, reopened });
      await expect(opening).rejects.toMatchObject({ failure: "unsupported", message: expect.stringMatching(cause) });
    }
    expect(readdirSync(dirname(path))).toEqual(beside);
  }

  it.each(["", "/"])(
    "a directory, named with '%s' at its end, is refused, and a file in it is proposed",
    async (end) => {
      const path = place();
      mkdirSync(path);
      writeFileSync(join(path, "inside"), "kept");
      await expectLeftAlone(
        path + end,
        /policies\.db: is a directory; name a file in it .+\/policies\.db\/policies\.db/,
      );
      expect(readdirSync(path)).toEqual(["inside"]);
    },
  );

  it.each([
    ["a sound store", (target: string) => copyFileSync(sound, target)],
    ["a directory", (target: string) => mkdirSync(target)],
    ["nothing", () => {}],
  ])("a symbolic link to %s is refused, neither followed nor moved", async (_, make) => {
    const path = place();
    const target = join(dirname(path), "target");
    make(target);
    symlinkSync(target, path);
    await expectLeftAlone(path, /is a symbolic link, which is not followed; set store\.path to its target/);
    expect(readlinkSync(path)).toBe(target);
  });

  it("a device is refused and left alone", async () => {
    await expectLeftAlone("/dev/null", /is neither a file nor absent/);
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it("a newer schema is refused by its number, and the file is left as it is", async () => {
    const path = place();
    copyFileSync(sound, path);
    const raw = new SqliteConnection(path, "read-write");
    raw.exec("UPDATE meta SET schema = 2; PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)");
    raw.close();
    const before = readFileSync(path);
    await expect(openSqliteStore({ path, now })).rejects.toThrow(
      /schema version 2, this program knows 1; run the newer program/,
    );
    await expect(openSqliteStore({ path, now })).rejects.toMatchObject({ failure: "unsupported" });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(asideOf(path)).toEqual([]);
  });
});

describe("a row damaged while the store is open", () => {
  it.each([
    ["its state", "UPDATE policy SET state = zeroblob(500) WHERE domain = 'd5.example'"],
    ["its version", "UPDATE policy SET version = version + 1 WHERE domain = 'd5.example'"],
    [
      "another domain's state and checksum",
      `UPDATE policy SET (version, state, checksum) =
      (SELECT version, state, checksum FROM policy WHERE domain = 'd6.example') WHERE domain = 'd5.example'`,
    ],
  ])(
    "changed in %s is reported and read as an error, never as a policy or as none (R-8461-CSM-12, R-8461-CSM-13)",
    async (_, sql) => {
      const path = place();
      copyFileSync(sound, path);
      const { store, notices } = await openTimed(path);
      const raw = new SqliteConnection(path, "read-write");
      raw.exec(sql);
      raw.close();
      await expect(store.get("d5.example")).rejects.toBeInstanceOf(StoreError);
      await expect(store.get("d5.example")).rejects.toMatchObject({ failure: "damaged-row" });
      expect(notices.at(-1)).toMatchObject({ event: "store-row-damaged", domain: "d5.example" });
      const listed: string[] = [];
      for await (const { domain } of store.list()) listed.push(domain);
      expect(listed).toEqual([...states.keys()].filter((domain) => domain !== "d5.example").sort());

      const version = await store.put("d5.example", new Uint8Array([7]), await store.version("d5.example"));
      expect(await store.get("d5.example")).toEqual({ domain: "d5.example", state: new Uint8Array([7]), version });
      await store.close();
    },
  );

  it("can be forgotten (R-8461-CSM-18)", async () => {
    const path = place();
    copyFileSync(sound, path);
    const { store } = await openTimed(path);
    const raw = new SqliteConnection(path, "read-write");
    raw.exec("UPDATE policy SET checksum = checksum + 1 WHERE domain = 'd5.example'");
    raw.close();
    expect(await store.forget("d5.example", await store.version("d5.example"))).toBe(true);
    expect(await store.get("d5.example")).toBeNull();
    await store.close();
  });
});
