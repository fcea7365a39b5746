import type { Mta } from "./mta.ts";
import type { MtaSite } from "./mta-site.ts";

/**
 * An attacker on DNS: the MX of victim.test is a name of his, an alias of the host that the policy permits, whose address
 * is his too. There he has a good certificate, for the alias.
 */
export async function forgeAlias({ world }: MtaSite<Mta>): Promise<void> {
  const { mx } = await world.endpoints();
  await world.forgeMx("victim.test", [{ exchange: "alias.attacker.test", server: false }]);
  await world.setDns("alias.attacker.test", "CNAME", ["mx.victim.test"]);
  await world.setDns("mx.victim.test", "A", [mx["mx.attacker.test"]?.address ?? ""]);
}
