import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/**
 * A CA certificate whose key is thrown away at once: no certificate can ever verify against it. Exim is given it as the
 * only root to trust for an MX host that the policy does not permit. Returns PEM.
 */
export function makeDenyCa(): string {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(oid(COMMON_NAME), der(0x0c, Buffer.from("MTA-STS: no host may pass")))));
  const basicConstraints = sequence(oid(BASIC_CONSTRAINTS), TRUE, octets(sequence(TRUE)));
  const keyUsage = sequence(oid(KEY_USAGE), TRUE, octets(der(0x03, Buffer.from([0x01, 0x06])))); // keyCertSign, cRLSign
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    sequence(oid(ECDSA_WITH_SHA256)),
    name,
    sequence(der(0x17, Buffer.from("200101000000Z")), der(0x18, Buffer.from("99991231235959Z"))), // RFC 5280 §4.1.2.5
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(basicConstraints, keyUsage)),
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, privateKey)]));
  return pem(sequence(body, sequence(oid(ECDSA_WITH_SHA256)), signature));
}

// Object identifiers in their DER content octets.
const COMMON_NAME = "550403";
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const ECDSA_WITH_SHA256 = "2a8648ce3d040302";

const TRUE = der(0x01, Buffer.from([0xff]));
const sequence = (...parts: Buffer[]) => der(0x30, Buffer.concat(parts));
const set = (...parts: Buffer[]) => der(0x31, Buffer.concat(parts));
const octets = (content: Buffer) => der(0x04, content);
const integer = (content: Buffer) => der(0x02, content);
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));

/** Tag, length (X.690 §8.1.3) and content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
