import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Delivery } from "../lab/mx-server.ts";
import { brokenPromises } from "../postfix/promise-kept.ts";
import { expectFate } from "./expect-fate.ts";
import type { Attempted, HarakaInstance } from "./haraka-instance.ts";
import { HarakaSite } from "./haraka-site.ts";
import { domainsOf, type MatrixCase, matrix } from "./matrix-cases.ts";
import { current, type HarakaRelease, oldest, whyNoHaraka } from "./release.ts";
import { ScenarioTable } from "./scenario-table.ts";

// The same mail to the same domains through a Haraka as it comes, where most attacks work, and through one with the
// plugin, where none does.

interface Setup {
  readonly title: string;
  readonly release: HarakaRelease;
  readonly plugin: boolean;
  readonly nodes: number;
}

const setups: readonly Setup[] = [current, oldest].flatMap((release) => [
  { title: `Haraka ${release.version} as it comes`, release, plugin: false, nodes: 0 },
  { title: `Haraka ${release.version} with the plugin`, release, plugin: true, nodes: 0 },
  { title: `Haraka ${release.version} with the plugin, nodes=2`, release, plugin: true, nodes: 2 },
]);

const domains = domainsOf(matrix);
const table = new ScenarioTable(
  matrix.map(({ name }) => name),
  setups.map(({ title }) => title),
);
afterAll(() => table.print());

for (const setup of setups) {
  const { release, plugin, nodes, title } = setup;
  const reason = whyNoHaraka(release);
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: HarakaSite;
    let haraka: HarakaInstance;
    const attempts = new Map<string, Attempted>();
    let deliveries: readonly Delivery[] = [];

    beforeAll(async () => {
      site = await HarakaSite.open({ domains });
      const { mx } = await site.world.endpoints();
      const modules = plugin ? inject("harakaModules") : null;
      const env = { LAB_ROUTE: mx["mx.route.test"]?.address ?? "" };
      haraka = site.haraka({ release, modules, nodes, env });
      await haraka.start();
      await Promise.all(
        matrix.map(async ({ name, domain, mark }) => {
          const headers = mark === undefined ? {} : { "Lab-Mark": mark };
          attempts.set(name, await haraka.sendAndWait({ to: `b@${domain}`, subject: name, headers }));
        }),
      );
      deliveries = await site.world.deliveries();
    });
    afterAll(() => site?.close());

    for (const scenario of matrix)
      it(`${scenario.name}: ${scenario.title}`, async () => {
        const attempt = attempts.get(scenario.name) as Attempted;
        const taken = takenFrom(deliveries, scenario);
        const fate = plugin ? scenario.plugin : scenario.stock;
        table.set(scenario.name, title, attempt, taken);
        expectFate(attempt, taken, fate);
        if (plugin && "deferred" in fate && attempt.what === "deferred") await expectUntouched(site, scenario, attempt);
      });

    if (plugin) {
      it("no domain's mail was taken by anybody its policy does not permit (R-8461-5-01)", () => {
        const exempt = new Set(matrix.filter((scenario) => scenario.exempt).map(({ domain }) => domain));
        const bound = deliveries.filter(({ to }) => !to.some((address) => exempt.has(address.split("@")[1] ?? "")));
        expect(bound.length).toBeGreaterThan(10);
        expect(brokenPromises(bound, domains)).toEqual([]);
      });

      it("asks for no policy of a domain that takes no mail (R-7505-3-01)", async () => {
        expect(await site.world.queries("_mta-sts.nullmx.test")).toEqual([]);
      });
    } else
      it("is attacked with success: mail of enforcing domains goes where it must not", () => {
        expect(brokenPromises(deliveries, domains).length).toBeGreaterThan(8);
      });

    it("keeps every deferred message in its queue and is still running", () => {
      const kept = [...attempts.values()].filter(({ what }) => what === "deferred").length;
      expect(haraka.queued()).toHaveLength(kept);
      expect(haraka.isRunning).toBe(true);
    });
  });
}

function takenFrom(deliveries: readonly Delivery[], { name }: MatrixCase): Delivery | undefined {
  return deliveries.find(({ data }) => data.includes(`Subject: ${name}\r\n`));
}

/** Refused hosts heard nothing of the message, and the postmaster reads 4.7.5 (R-9525-6.6-01, R-BIND-ALL-03). */
async function expectUntouched(site: HarakaSite, { domain, spec }: MatrixCase, attempt: Attempted): Promise<void> {
  expect(attempt.reason).toMatch(new RegExp(`^MTA-STS enforce ${domain} \\(id 1\\): `));
  expect(attempt.status).toEqual(["4.7.5"]);
  for (const entry of spec.mx ?? []) {
    const mx = typeof entry === "string" ? entry : String(entry.exchange);
    for (const { commands } of await site.world.sessions(mx)) expect(commands).not.toContain("MAIL");
  }
}
