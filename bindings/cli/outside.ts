import type { Config } from "../../host/config/config.ts";
import type { Core } from "../../host/core/core.ts";
import { Dane } from "../../host/dane/dane.ts";
import type { DaneDns } from "../../host/dane/host-lookup.ts";
import { DnssecSelfTest, type SelfTestOptions } from "../../host/dane/self-test.ts";
import { createDnsClient } from "../../host/dns/client.ts";
import type { DnsClient } from "../../host/dns/types.ts";
import { createPolicyFetcher } from "../../host/https/fetch-policy.ts";
import type { PolicyFetcher } from "../../host/https/types.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";

// The way out, the same for the daemon and for `query`: what one of them reaches the other reaches too.

export function dnsClientFor({ servers, timeout, trustAd }: Config["dns"]): DnsClient {
  return createDnsClient({ servers: servers ?? undefined, timeoutMs: timeout, trustAd: trustAd ?? undefined });
}

/**
 * DANE as the configuration wants it; null when it is switched off. Its questions go to no resolver but those whose AD
 * bit is believed: the word of another one would pass for "insecure" where the trusted one failed.
 */
export function daneFor(
  { dns, dane }: Pick<Config, "dns" | "dane">,
  core: Core,
  hooks: Pick<SelfTestOptions, "onChange"> & { readonly watch?: (dns: DnsClient) => DaneDns } = {},
): Dane | null {
  if (dane.mode === "off") return null;
  const client = createDnsClient({
    servers: dns.servers ?? undefined,
    timeoutMs: dns.timeout,
    trustAd: dns.trustAd ?? undefined,
    onlyTrusted: true,
  });
  const { signedNames: signed, bogusNames: bogus, notFor } = dane;
  const selfTest = new DnssecSelfTest({ dns: client, signed, bogus, ...hooks });
  return new Dane({ dns: hooks.watch?.(client) ?? client, core, selfTest, notFor, close: () => client.close() });
}

/** @throws CommandFailure when the CA file cannot be used */
export function fetcherFor(https: Config["https"], core: Core, dns: Pick<DnsClient, "addresses">): PolicyFetcher {
  try {
    return createPolicyFetcher({
      dns,
      caPem: https.ca?.pem,
      timeoutMs: https.timeout,
      allowPrivateAddresses: https.allowPrivateAddresses,
      matchesDnsId: (names, host) => core.matchesDnsId(names, host),
    });
  } catch (error) {
    const message = `https.ca-file ${https.ca?.file}: ${(error as Error).message}`;
    throw new CommandFailure(EXIT.usage, message, { cause: error });
  }
}
