import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NOTFOUND, Site, secured } from "../attacks/site.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { recordFigures } from "./figures.ts";
import { fill, type MountedPlace, mountObstacle, onLoop, onTmpfs, readOnly } from "./mounted-place.ts";

const FILLS = Number(process.env.FAULTS_FILLS ?? 3);

describe("a disk that takes no more", () => {
  let site: Site;
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle() ?? mountObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open();
    await site.stop();
  });
  afterEach(() => site?.close());

  async function startOn(place: MountedPlace): Promise<void> {
    site.home.configure(site.world, { store: { path: join(place.path, "policies.db") } });
    await site.start(place.options);
  }

  it.each([
    ["tmpfs", (folder: string) => onTmpfs(join(folder, "disk"), "2m")],
    ["a loop filesystem", (folder: string) => onLoop(join(folder, "disk"), 8)],
  ] as const)(
    "that is full, %s: the process lives, cached answers go on, writes resume when there is room (R-8461-CSM-13)",
    async (name, mount) => {
      const place = mount(site.home.folder);
      await startOn(place);
      const known = await Promise.all([site.known(), site.known(), site.known()]);
      let slowest = 0;
      for (let round = 0; round < FILLS; round++) {
        const notices = () =>
          ["store-not-persisting", "store-recovered"].map((event) => site.daemon.events(event).length);
        const makeRoom = fill(site.daemon.child.pid, place.path);
        for (let i = 0; i < 12 || notices()[0] === round; i++) known.push(await site.known());
        for (const domain of known) expect(await site.ask(domain)).toBe(secured(domain));
        const health = JSON.parse((await site.daemon.page("/healthz")).body);
        expect(health).toMatchObject({ serving: true, persisting: false, status: "degraded" });
        makeRoom();
        const freed = performance.now();
        await site.daemon.event("store-recovered", () => notices()[1] === round + 1);
        slowest = Math.max(slowest, performance.now() - freed);
        expect(JSON.parse((await site.daemon.page("/healthz")).body)).toMatchObject({ persisting: true, unwritten: 0 });
      }
      expect(slowest, "milliseconds until writes resumed; promised are 5 s").toBeLessThan(10_000);
      recordFigures(`full disk, ${name}`, {
        fills: FILLS,
        policies: known.length,
        deaths: 0,
        slowestResumeMs: Math.round(slowest),
      });
      if (name === "tmpfs") return; // what is on it ends with the daemon
      await site.stop("SIGKILL");
      await site.world.setDnsOutage({ answer: "nxdomain" });
      await site.start({
        command: [
          "unshare",
          "--mount",
          "sh",
          "-c",
          `mount -o loop ${place.path}.img ${place.path} && exec "$0" "$@"`,
          process.execPath,
        ],
      });
      for (const domain of known)
        expect(await site.ask(domain), "what was held in memory is on disk").toBe(secured(domain));
    },
  );

  it("that is read-only: what it holds is honoured, new policies are held in memory, health says so (R-8461-CSM-13)", async () => {
    const place = readOnly(join(site.home.folder, "disk"));
    site.home.configure(site.world, { store: { path: join(place.path, "policies.db") } });
    await site.start();
    const known = await site.known();
    await site.stop();
    await site.start(place.options);
    expect((await site.daemon.event("store-read-only")).level).toBe("error");
    const later = await site.known();
    await site.world.setDnsOutage({ answer: "nxdomain" });
    for (const domain of [known, later]) expect(await site.ask(domain)).toBe(secured(domain));
    expect(await site.ask(site.newDomain())).toBe(NOTFOUND);
    expect(JSON.parse((await site.daemon.page("/healthz")).body)).toMatchObject({ serving: true, persisting: false });
    expect(await site.metric("mta_sts_store_persisting")).toBe(0);
  });
});
