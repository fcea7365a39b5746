import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { HarakaSite } from "./haraka-site.ts";
import { projectRoot } from "./project-root.ts";
import { current, whyNoHaraka } from "./release.ts";

const template = join(projectRoot, "examples/haraka");
const reason = whyNoHaraka(current);

describe("examples/haraka", () => {
  const title = "runs as it is: mail goes out where the policy lets it, and waits where not";
  it.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, async () => {
    const policy = (domain: string) => ({ mode: "enforce", mx: [`mx.${domain}`], maxAge: 86_400 }) as const;
    const site = await HarakaSite.open({
      domains: {
        "good.test": { policy: policy("good.test") },
        "forged.test": { policy: policy("forged.test"), mx: ["mx.attacker.test"] },
      },
    });
    onTestFinished(() => site.close());
    // The example knows the Internet; here that is the lab.
    const ini = readFileSync(join(template, "config/mta-sts.ini"), "utf8");
    const lab = `\n[https]\nca_file=${site.caFile}\nallow_private_addresses=true\n[mx]\nca_file=${site.caFile}\n`;
    const haraka = site.haraka({
      release: current,
      modules: inject("harakaModules"),
      template,
      nodes: 2,
      config: { "mta-sts.ini": ini + lab, "outbound.ini": { main: { local_mx_ok: true } } },
    });
    await haraka.start();
    await haraka.send({ to: "b@good.test" });
    await haraka.send({ to: "b@forged.test" });
    await site.world.waitForDelivery("mx.good.test");
    await haraka.waitForLog(
      /deferred, no MX host meets the policy.*mx\.attacker\.test: validation-failure: not-in-policy/,
    );
    expect(await site.world.deliveries()).toMatchObject([{ mx: "mx.good.test", tls: true }]);
  });

  it("names the packages at the version of this checkout", () => {
    const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
    const { dependencies } = JSON.parse(readFileSync(join(template, "package.json"), "utf8"));
    expect(dependencies).toMatchObject({
      Haraka: current.version,
      "haraka-plugin-mta-sts": `^${version}`,
      "mta-sts-engine": `^${version}`,
    });
  });
});
