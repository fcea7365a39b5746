// Requests of any size, of the kinds that cost most.
import * as abi from "../../../assembly/abi.ts";
import { freshWasm } from "../builds.ts";
import { callFrame, frame, list, type Octets, octets, type StepFields, stepFrame } from "../frames.ts";
import type { Call } from "./fuel.ts";

export const fill = (size: number, unit: Octets): Uint8Array => {
  const piece = octets(unit);
  const whole = Buffer.alloc(Math.max(0, Math.floor(size / piece.length)) * piece.length);
  for (let at = 0; at < whole.length; at += piece.length) whole.set(piece, at);
  return whole;
};

export const rrset = (request: Uint8Array, leniency = 0): Call => ({
  export: "mtasts_record_select",
  request,
  more: () => [request.length, leniency],
});

export const policy = (request: Uint8Array, leniency = 0): Call => ({
  export: "mtasts_policy_parse",
  request,
  more: () => [request.length, leniency],
});

export const pair = (name: "mtasts_mx_match" | "mtasts_dnsid_match", a: Uint8Array, b: Uint8Array): Call => ({
  export: name,
  request: Buffer.concat([a, b]),
  more: (address) => [a.length, address + a.length, b.length],
});

type Framed = "step" | "plan" | "judge" | "tlsa_usable" | "tlsa_match";

export const framed = (name: `mtasts_${Framed}`, request: Uint8Array): Call => ({
  export: name,
  request,
  more: () => [request.length],
});

/** One RR with this text, cut into character-strings of 255 octets. */
function longRecord(text: Uint8Array): Uint8Array {
  const strings: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += 255) {
    const part = text.subarray(at, at + 255);
    strings.push(Uint8Array.of(part.length), part);
  }
  return list([Buffer.concat(strings)]);
}

/** One MTA-STS record of about `size` octets: `head`, then the unit over and over. */
export const recordOf = (size: number, head: string, unit: string): Uint8Array =>
  longRecord(Buffer.concat([octets(head), fill(Math.min(size, 65_000), unit)]));

/** One character-string. */
export const string = (text: string): Uint8Array => Buffer.concat([Uint8Array.of(text.length), octets(text)]);

export const HEAD = "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: a.example\n";
/** A valid policy of about `size` octets: the unit over and over. */
export const body = (size: number, unit: Octets): Uint8Array =>
  Buffer.concat([octets(HEAD), fill(Math.min(size, abi.POLICY_LIMIT) - HEAD.length, unit)]);

const LABEL = "a".repeat(63);
/** 253 octets, the longest host name there is. */
export const HOST = `${LABEL}.${LABEL}.${LABEL}.${"b".repeat(61)}`;
/** As long, and another name in its last octet alone. */
export const NEARLY = `${HOST.slice(0, -1)}c`;

const NOW = 2_000_000_000;
const DOMAIN = "example.com";

export function policyEvent(more: Partial<StepFields>): Uint8Array {
  const token = Buffer.alloc(abi.TOKEN_SIZE);
  token.writeUInt32LE(90, abi.TOKEN_UPTIME);
  token.writeUInt32LE(1, abi.TOKEN_BOOT);
  token.writeUInt32LE(1, abi.TOKEN_ID_LENGTH);
  token.write("1", abi.TOKEN_ID);
  const fields = { event: abi.EVENT_POLICY, now: NOW, uptime: 100, boot: 1, domain: DOMAIN, token };
  return stepFrame({ ...fields, type: octets("text/plain"), ...more });
}

export const lookup = (state: Uint8Array): Uint8Array =>
  stepFrame({ event: abi.EVENT_LOOKUP, now: NOW, uptime: 100, boot: 1, domain: DOMAIN, state });

/** The state that a fetch of this policy leaves behind: the first effect. */
export function stateWith(text: Uint8Array): Uint8Array {
  const { status, payload } = callFrame(freshWasm(), "mtasts_step", policyEvent({ data: text }));
  const view = new DataView(payload.buffer);
  if (status < 1 || view.getUint32(0, true) !== abi.EFFECT_STATE) throw new Error(`no state: ${status}`);
  return payload.slice(8, view.getUint32(4, true));
}

export const recordEvent = (data: Uint8Array): Uint8Array =>
  stepFrame({
    event: abi.EVENT_RECORD,
    now: NOW,
    uptime: 100,
    boot: 1,
    domain: DOMAIN,
    data,
    more: { [abi.Q_OUTCOME]: abi.RECORD_ANSWERED, [abi.Q_TTL]: 300 },
  });

function planRequest(text: Uint8Array, hosts: Uint8Array): Uint8Array {
  const fields = { [abi.P_VERSION]: abi.FRAME_VERSION, [abi.P_VERDICT]: abi.VERDICT_POLICY };
  return frame(abi.P_SIZE, fields, { [abi.P_POLICY]: text, [abi.P_HOSTS]: hosts });
}

export function judgeRequest(names: Uint8Array): Uint8Array {
  const fields = {
    [abi.J_VERSION]: abi.FRAME_VERSION,
    [abi.J_ACTION]: abi.ACTION_PKIX,
    [abi.J_SESSION]: abi.SESSION_TLS,
    [abi.J_TLS_VERSION]: abi.TLS_1_2,
  };
  return frame(abi.J_SIZE, fields, { [abi.J_NAMES]: names, [abi.J_HOST]: octets(HOST) });
}

/** A TLSA record of `length` octets of data after its usage, selector and matching type. */
export const tlsa = (usage: number, selector: number, matching: number, data: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(usage, selector, matching), data]);

/** What the server sent: `count` certificates of two octets, and keys likewise. */
export function certificates(count: number): Uint8Array {
  const sequence = Uint8Array.of(2, 0, 0, 0, 0x30, 0);
  return fill(count * 204, Buffer.concat([Buffer.alloc(192), sequence, sequence]));
}

export const tlsaMatchOf = (records: Uint8Array, sent: Uint8Array): Call =>
  framed(
    "mtasts_tlsa_match",
    frame(abi.M_SIZE, { [abi.M_VERSION]: abi.FRAME_VERSION }, { [abi.M_RECORDS]: records, [abi.M_CERTIFICATES]: sent }),
  );

/** As many hosts as there is room for, each with its DANE state. */
export function danePlanOf(text: Uint8Array, size: number, state: number): Call {
  const fields = {
    [abi.P_VERSION]: abi.FRAME_VERSION,
    [abi.P_VERDICT]: abi.VERDICT_POLICY,
    [abi.P_FLAGS]: abi.FACTS_DANE | abi.FACTS_MX_SECURE,
  };
  const host = Buffer.concat([list(["a"]), Uint8Array.of(state, 0)]);
  return framed("mtasts_plan", frame(abi.P_SIZE, fields, { [abi.P_POLICY]: text, [abi.P_HOSTS]: fill(size, host) }));
}

export const ONE_MX = octets("version: STSv1\nmode: enforce\nmax_age: 86400\nmx: mx.example\n");

export const planOf = (text: Uint8Array, hosts: Uint8Array): Call => framed("mtasts_plan", planRequest(text, hosts));
