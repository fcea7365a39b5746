import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Site, secured } from "../attacks/site.ts";
import { mtaSts } from "../daemon/command.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { withinBudget } from "./budget.ts";
import { recordFigures } from "./figures.ts";
import { seeded } from "./random.ts";

/** FAULTS_IMAGES=3000 for the long run. */
const IMAGES = Number(process.env.FAULTS_IMAGES ?? 18);
const POLICIES = 40;
const PAGE = 4096;

type Damage = (file: string, random: () => number) => void;

const DAMAGES: Record<string, Damage> = {
  "cut anywhere": (file, random) => truncateSync(file, Math.floor(random() * readFileSync(file).length)),
  "a page of zeros": (file, random) =>
    change(file, (bytes) => bytes.fill(0, page(bytes, random), page(bytes, random) + PAGE)),
  "one bit flipped": (file, random) => change(file, (bytes) => flip(bytes, random)),
  "64 bits flipped": (file, random) => change(file, (bytes) => Array.from({ length: 64 }, () => flip(bytes, random))),
  "a head of noise": (file, random) =>
    change(file, (bytes) => Array.from({ length: 100 }, (_, i) => bytes.writeUInt8(Math.floor(random() * 256), i))),
  empty: (file) => writeFileSync(file, ""),
  "an older schema": (file) => inDatabase(file, "UPDATE meta SET schema = 0"),
  "no table": (file) => inDatabase(file, "DROP TABLE policy"),
  "another format": (file) => writeFileSync(file, "this is no database\n".repeat(500)),
};

const page = (bytes: Buffer, random: () => number) => Math.floor((random() * bytes.length) / PAGE) * PAGE;
function flip(bytes: Buffer, random: () => number): void {
  const at = Math.floor(random() * bytes.length);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
}
function change(file: string, how: (bytes: Buffer) => unknown): void {
  const bytes = readFileSync(file);
  how(bytes);
  writeFileSync(file, bytes);
}
function inDatabase(file: string, sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}

describe("a damaged store", () => {
  let site: Site;
  const known: string[] = [];
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open();
    known.length = 0;
    for (let i = 0; i < POLICIES; i++) known.push(await site.known());
    await site.stop();
    inDatabase(site.home.store, "PRAGMA wal_checkpoint(TRUNCATE)");
    cpSync(site.home.store, join(site.home.folder, "sound.db"));
    await site.world.setDnsOutage({ answer: "drop" });
    site.home.configure(site.world, { dns: { servers: [`127.0.0.1:${site.world.dns.port}`], timeout: "100ms" } });
  });
  afterEach(() => site?.close());

  const remove = () => {
    for (const name of readdirSync(site.home.folder))
      if (name.startsWith("policies.db")) rmSync(join(site.home.folder, name), { recursive: true, force: true });
  };

  it(`${IMAGES} ways: the daemon serves, sets the file aside, and answers what it knew or TEMP, never anything else (R-8461-CSM-12)`, {
    timeout: 14_400_000,
  }, async () => {
    const random = seeded(11);
    const ways = Object.entries(DAMAGES);
    let slowest = 0;
    let quarantined = 0;
    const said = { policy: 0, TEMP: 0 };
    let images = 0;
    for (const image of withinBudget(0, IMAGES - 1)) {
      images++;
      const [way, damage] = ways[image % ways.length] as [string, Damage];
      remove();
      cpSync(join(site.home.folder, "sound.db"), site.home.store);
      damage(site.home.store, random);
      const started = performance.now();
      await site.start();
      const client = await site.daemon.postfix();
      await client.ask("postfix [192.0.2.1]");
      slowest = Math.max(slowest, performance.now() - started);
      const replies = await Promise.all(known.map((domain) => site.ask(domain)));
      for (const [i, reply] of replies.entries()) {
        const word = reply === secured(known[i] as string) ? "policy" : "TEMP";
        if (word === "TEMP") expect(reply, `${image}: ${way}`).toMatch(/^TEMP /);
        said[word]++;
      }
      const aside = readdirSync(site.home.folder).some((name) => name.startsWith("policies.db.corrupt-"));
      if (aside) quarantined++;
      expect(site.daemon.events("store-quarantined").length > 0, `${image}: ${way}`).toBe(aside);
      const whole = said.policy > 0 || site.daemon.events("store-row-damaged").length > 0;
      if (replies.every((reply) => reply?.startsWith("TEMP")))
        expect(aside || whole, `${image}: ${way} went unnoticed`).toBe(true);
      client.socket.destroy();
      await site.stop("SIGKILL");
    }
    expect(quarantined).toBeGreaterThan(images / 3);
    recordFigures("damaged stores", {
      images,
      quarantined,
      answersPolicy: said.policy,
      answersTemp: said.TEMP,
      wrongAnswers: 0,
      slowestServeMs: Math.round(slowest),
    });
  });

  it.each([
    ["directory", (place: string) => mkdirSync(place)],
    ["symbolic link", (place: string) => symlinkSync("sound.db", place)],
  ] as const)("that is a %s stops the start with a word on what to do, and stays as it is", async (what, put) => {
    remove();
    put(site.home.store);
    const before = readFileSync(join(site.home.folder, "sound.db"));
    const { code, stderr } = await mtaSts(["serve", "--config", site.home.config]);
    expect(code).toBe(3);
    expect(stderr).toContain(`is a ${what}`);
    expect(stderr).toContain("store.path");
    expect(readFileSync(join(site.home.folder, "sound.db")).equals(before)).toBe(true);
  });
});
