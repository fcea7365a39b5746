import type { Config } from "../../host/config/config.ts";
import type { Core } from "../../host/core/core.ts";
import { createDnsClient } from "../../host/dns/client.ts";
import type { DnsClient } from "../../host/dns/types.ts";
import { createPolicyFetcher } from "../../host/https/fetch-policy.ts";
import type { PolicyFetcher } from "../../host/https/types.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";

// The way out, the same for the daemon and for `query`: what one of them reaches the other reaches too.

export function dnsClientFor({ servers, timeout }: Config["dns"]): DnsClient {
  return createDnsClient({ servers: servers ?? undefined, timeoutMs: timeout });
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
