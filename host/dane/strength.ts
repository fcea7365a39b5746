import type { KeyObject } from "node:crypto";
import { child, children, hex, OBJECT_IDENTIFIER, SEQUENCE } from "../tls/der.ts";

// At least 112 bits (RFC 9325 §4.5), as everywhere else here: Node verifies an MD5 signature without a word.

const RSA_BITS = 2048;
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1", "secp256k1"]);

/** AlgorithmIdentifiers by OID: sha256, 384 and 512 with RSA and with ECDSA, Ed25519, Ed448. */
const SIGNATURES = new Set([
  "2a864886f70d01010b",
  "2a864886f70d01010c",
  "2a864886f70d01010d",
  "2a8648ce3d040302",
  "2a8648ce3d040303",
  "2a8648ce3d040304",
  "2b6570",
  "2b6571",
]);
const RSA_PSS = "2a864886f70d01010a";
/** SHA-256, 384, 512. */
const HASHES = new Set(["608648016503040201", "608648016503040202", "608648016503040203"]);

export function isStrongKey(key: KeyObject): boolean {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
    case "rsa-pss":
      return (modulusLength ?? 0) >= RSA_BITS;
    case "ec":
      return CURVES.has(namedCurve ?? "");
    case "ed25519":
    case "ed448":
      return true;
    default:
      return false;
  }
}

/** @param algorithm content of an AlgorithmIdentifier (RFC 5280 §4.1.1.2) */
export function isStrongSignature(algorithm: Uint8Array): boolean {
  const oid = hex(child(algorithm, OBJECT_IDENTIFIER) ?? new Uint8Array());
  return oid === RSA_PSS ? HASHES.has(pssHash(algorithm)) : SIGNATURES.has(oid);
}

/** RFC 4055 §3.1: the hash is parameter [0]; left out, it is SHA-1. */
function pssHash(algorithm: Uint8Array): string {
  const parameters = child(algorithm, SEQUENCE);
  const hash = parameters && children(parameters)?.find(({ tag }) => tag === 0xa0)?.content;
  return hex(child(child(hash ?? null, SEQUENCE), OBJECT_IDENTIFIER) ?? new Uint8Array());
}
