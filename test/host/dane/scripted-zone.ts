import { createDnsClient } from "../../../host/dns/client.ts";
import type { DnsClient } from "../../../host/dns/types.ts";
import { FLAGS, record, soa } from "../dns/message-builder.ts";
import { type Reply, ScriptedServer } from "../dns/scripted-server.ts";

export const TLSA = 52;

/** `3 1 1` and 32 octets, unless told otherwise. */
export const tlsa = (owner: string, rdata = Buffer.concat([Buffer.from([3, 1, 1]), Buffer.alloc(32, 7)]), ttl = 60) =>
  record(owner, TLSA, ttl, rdata);

export const secure = (...answers: Buffer[]): Reply => ({ flags: FLAGS.authentic, answers });
export const insecure = (...answers: Buffer[]): Reply => ({ answers });
export const none = (flags: number = FLAGS.authentic): Reply => ({ flags, authority: [soa("example", 60, 60)] });
export const servfail: Reply = { rcode: 2 };

/** A resolver on loopback that knows these answers, by "TYPE name"; anything else does not exist, securely. */
export async function scriptedZone(answers: Readonly<Record<string, Reply>>) {
  const script = ({ type, name }: { type: string; name: string }): Reply =>
    answers[`${type === "UNKNOWN_52" ? "TLSA" : type} ${name}`] ?? none();
  const server = await ScriptedServer.start(script);
  const dns: DnsClient = createDnsClient({ servers: [server.text], attempts: 1 });
  return {
    dns,
    /** What was asked, in order, without the second family of addresses. */
    get asked(): string[] {
      return server.queries
        .map(({ type, name }) => `${type === "UNKNOWN_52" ? "TLSA" : type} ${name}`)
        .filter((query) => !query.startsWith("AAAA "));
    },
    async close() {
      dns.close();
      await server.stop();
    },
  };
}

export type ScriptedZone = Awaited<ReturnType<typeof scriptedZone>>;
