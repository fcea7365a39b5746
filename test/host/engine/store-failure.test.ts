import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { laterFetch } from "../../../host/core/stored-state.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import { openResilientStore } from "../../../host/store/resilient.ts";
import { availableDriver, SqliteConnection } from "../../../host/store/sqlite-driver.ts";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE, settled } from "./simulated-time.ts";
import { D, World, world } from "./world.ts";

const held = { verdict: "policy", policy: { mode: "enforce", id: "1" } };

describe("the store cannot be read", () => {
  it("and discovery finds no policy: TEMP store-unavailable, whatever the reason (R-8461-CSM-13)", async () => {
    const w = await world();
    w.store.fail(["get", "version"], "io");
    const causes: [string, () => void][] = [
      ["no-record", () => w.dns.absent(D)],
      ["record-invalid", () => w.dns.records(D, ["v=STSv1;"])],
      ["record-failed", () => w.dns.fail(D)],
      ["fetch-failed", () => w.dns.publish(D, "1")],
    ];
    for (const [status, cause] of causes) {
      cause();
      const { detail, ...decision } = await w.ask();
      expect(decision).toMatchObject({ verdict: "temp", reason: "store-unavailable", status });
      expect(detail).not.toMatch(/TXT|GET/); // the store is what failed, and what mail.log must name
      expect(detail).not.toBe("");
    }
    expect(w.heard.storeFailures.length).toBeGreaterThanOrEqual(4);
  });

  it("but a policy found live is used, and held from then on (R-8461-CSM-13)", async () => {
    const w = await world();
    w.store.fail(["get", "version", "put"], "busy");
    await w.hold();
    w.dns.fail(D);
    await w.time.pass(11 * MINUTE);
    expect(await w.ask()).toMatchObject(held);
  });

  it("but memory still holds the policy: honoured (failure table: store read fails)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    w.store.fail(["get", "version", "put"], "io");
    w.dns.fail(D);
    w.https.fail(D);
    for (let hour = 0; hour < 24; hour++) {
      await w.time.pass(HOUR);
      expect(await w.ask()).toMatchObject(held);
    }
    expect(w.heard.storeFailures.length).toBeGreaterThan(20);
  });

  it("for a while: once it can be read the stored policy is in force, and a forged absence meanwhile counts for nothing", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    await w.stop();
    w.beforeStart = (store) => store.fail(["get", "version"], "busy");
    await w.start();
    w.dns.absent(D);
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable", status: "no-record" });
    w.store.heal();
    expect(await w.ask()).toMatchObject({ status: "cached", ...held });
  });

  it("within the caller's deadline: TEMP store-unavailable", async () => {
    const w = await world();
    w.store.hold("get");
    const answer = w.engine.resolve(D, { deadline: 1000 });
    await w.time.pass(1);
    expect(await answer).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
    w.store.release("get");
    await settled();
  });
});

describe("a damaged row", () => {
  const damage = (w: World): void => {
    const sql = new SqliteConnection(w.path, "read-write", availableDriver());
    sql.run("UPDATE policy SET state = zeroblob(300), version = version + 1 WHERE domain = ?", D);
    sql.close();
  };

  it("is reported and no policy, and no proof that there was none: TEMP until a policy takes its place (R-8461-CSM-12)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    await w.stop();
    damage(w);
    await w.start();
    w.https.fail(D, "timeout", "60 s are over");
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
    expect(w.heard.storeFailures).toMatchObject([{ failure: "damaged-row", domain: D }]);
    w.https.serve(D, policy("enforce"));
    await w.time.pass(5 * MINUTE);
    expect(await w.ask()).toMatchObject({ status: "fetched", ...held });
    await w.restart();
    w.dns.fail(D);
    expect(await w.ask()).toMatchObject({ status: "cached", ...held });
  });

  it("is not settled by a denial, which anybody can forge, but by an operator (R-8461-CSM-12, R-8461-CSM-13)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    await w.stop();
    damage(w);
    await w.start();
    w.dns.fail(D);
    for (let minute = 0; minute < 30; minute++) {
      expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
      await w.time.pass(MINUTE);
    }
    w.dns.absent(D);
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
    expect((await w.ask()).detail).toContain(`mta-sts cache forget ${D}`);
    expect(await w.engine.forget(D)).toBe(true);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "no-record" });
  });

  it("does not undo the policy that memory holds (failure table: bad checksum, memory copy if held)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    damage(w);
    w.dns.fail(D);
    w.https.fail(D);
    await w.time.pass(11 * MINUTE);
    expect(await w.ask()).toMatchObject(held);
    await w.time.pass(2 * DAY);
    expect(await w.ask()).toMatchObject(held);
    expect(w.heard.storeFailures[0]).toMatchObject({ failure: "damaged-row", domain: D });
    await w.restart();
    expect(await w.ask()).toMatchObject(held);
  });

  it("whose state fails the core's own checksum is treated the same (R-8461-CSM-12)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    const row = await w.store.get(D);
    const state = Uint8Array.from(row?.state ?? []);
    state[40] = (state[40] ?? 0) ^ 1;
    await w.store.put(D, state, row?.version ?? 0);
    await w.restart();
    w.dns.fail(D);
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
    expect(w.heard.storeFailures).toMatchObject([{ failure: "damaged-row" }]);
  });
});

describe("a lost store", () => {
  it("means TEMP on failure until the domain had one definite discovery, then a failure means what it always means", async () => {
    const w = new World({ kind: "sqlite" });
    writeFileSync(w.path, "not a database\n".repeat(1000));
    await w.start();
    w.dns.publish(D, "1", 60);
    w.https.fail(D, "connect", "ECONNREFUSED");
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "discovery-failed", status: "fetch-failed" });
    w.dns.fail(D);
    for (let minute = 0; minute < 30; minute++) {
      await w.time.pass(MINUTE);
      expect((await w.ask()).verdict).toBe("temp");
    }
    w.dns.absent(D, "nxdomain", 60);
    await w.time.pass(10);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "no-record" });
    w.dns.publish(D, "1", 60);
    await w.time.pass(MINUTE);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "fetch-failed" });
    await w.close();
    rmSync(w.directory as string, { recursive: true, force: true });
  });

  it("while the engine runs, takes nothing from what memory holds, and memory is written into the new file", async () => {
    const w = await world({ kind: "sqlite" });
    await w.stop();
    const events: string[] = [];
    const store = await openResilientStore({
      path: w.path,
      now: () => w.time.now,
      later: laterFetch,
      open: (reopened) => openSqliteStore({ path: w.path, now: () => w.time.now, reopened }),
      onEvent: ({ event }) => events.push(event),
    });
    await w.start({ store });
    await w.hold();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(w.path + suffix, { force: true });
    w.dns.fail(D);
    w.https.fail(D);
    w.dns.fail("new.example");
    await w.time.pass(2 * MINUTE);
    expect(await w.ask()).toMatchObject(held);
    await expect.poll(() => events).toContain("store-persisting");
    expect(await store.lostAt()).not.toBeNull();
    for (let minute = 0; minute < 20; minute++) {
      await w.time.pass(MINUTE);
      expect(await w.ask()).toMatchObject(held);
      expect(await w.ask("new.example")).toMatchObject({ verdict: "temp", reason: "discovery-failed" });
    }
    expect(await store.get(D)).not.toBeNull();
    await w.engine.close();
    await store.close();
    await w.start();
    expect(await w.ask()).toMatchObject(held);
  });

  it("is not what a row deleted by another process is: that one is gone here too, within a minute", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    const other = await world({ kind: "sqlite", beside: w });
    expect(await other.engine.forget(D)).toBe(true);
    w.dns.absent(D);
    await w.time.pass(MINUTE);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "no-record" });
  });
});

it("starts although the store cannot even tell what was lost, and says so", async () => {
  const w = await world();
  await w.stop();
  w.beforeStart = (store) => store.fail(["highWaterTime", "lostAt"], "io");
  await w.start();
  expect(w.heard.storeFailures).toMatchObject([{ failure: "io", domain: "" }]);
});
