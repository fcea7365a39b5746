import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Site, secured } from "../attacks/site.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { withinBudget } from "./budget.ts";
import { recordFigures } from "./figures.ts";

/** FAULTS_WRITES=500 for the long run. */
const LAST = Number(process.env.FAULTS_WRITES ?? 16);
const FIRST = Number(process.env.FAULTS_WRITES_FROM ?? 1);
const KINDS = ["EIO", "ENOSPC"] as const;
const SOURCE = fileURLToPath(new URL("./failing-writes.c", import.meta.url));
/** A policy costs the store at least three such calls. */
const policiesFor = (calls: number) => Math.ceil(calls / 3) + 2;

function compilerObstacle(): string | null {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return null;
  } catch {
    return "there is no C compiler to build test/faults/failing-writes.c with";
  }
}

describe("a write, sync or truncation of the store that fails", () => {
  let site: Site;
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle() ?? compilerObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open();
    await site.stop();
  });
  afterEach(() => site?.close());

  it(`whichever it is, number ${FIRST} to ${LAST}: the daemon lives and answers, and what was acknowledged as written is there (R-8461-CSM-10, R-8461-CSM-13)`, {
    timeout: 14_400_000,
  }, async () => {
    const library = join(site.home.folder, "failing-writes.so");
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"]);
    const counter = join(site.home.folder, "count");
    const names: string[] = [];
    while (names.length < policiesFor(LAST)) names.push(await site.unknown({ mx: [] }));
    let struck = 0;
    let told = 0;
    let tried = 0;
    for (const n of withinBudget(FIRST, LAST)) {
      tried++;
      const kind = KINDS[n % KINDS.length] as (typeof KINDS)[number];
      for (const suffix of ["", "-wal", "-shm", ".new", ".lock"]) rmSync(site.home.store + suffix, { force: true });
      rmSync(counter, { force: true });
      await site.world.setDnsOutage(null);
      await site.start({
        env: {
          ...site.clock.options.env,
          LD_PRELOAD: library,
          FAIL_PATH: "policies.db",
          FAIL_COUNT_FILE: counter,
          FAIL_AT: String(n),
          FAIL_ERRNO: String(constants.errno[kind]),
        },
      });
      const acknowledged = names.slice(0, policiesFor(n));
      for (const domain of acknowledged) expect(await site.ask(domain), `${kind} at ${n}`).toBe(secured(domain));
      const calls = Number(readFileSync(counter).readBigInt64LE());
      if (calls >= n) struck++;
      const trouble = site.daemon.events("store-not-persisting").length;
      told += trouble;
      if (trouble > 0) await site.daemon.event("store-recovered");
      await site.stop("SIGKILL");
      await site.world.setDnsOutage({ answer: "nxdomain" });
      await site.start();
      for (const domain of acknowledged)
        expect(await site.ask(domain), `${kind} at ${n}, after kill -9`).toBe(secured(domain));
      await site.stop("SIGKILL");
    }
    expect(struck, "faults that struck").toBe(tried);
    expect(told).toBeGreaterThan(0);
    recordFigures(`failing writes from number ${FIRST} on`, { struck, notPersistingTold: told, deaths: 0, lost: 0 });
  });
});
