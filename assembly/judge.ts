// Plan entry + facts of one TLS session -> deliver, next MX host, or defer, and the RFC 8460 §4.3 result type.
import {
  ACTION_DANE,
  ACTION_ENCRYPT,
  ACTION_OPPORTUNISTIC,
  ACTION_PKIX,
  ACTION_SKIP,
  CHAIN_DANE_EE,
  CHAIN_DANE_NO_MATCH,
  CHAIN_EXPIRED,
  CHAIN_INVALID,
  CHAIN_NO_CERTIFICATE,
  CHAIN_NOT_YET_VALID,
  CHAIN_UNTRUSTED,
  CHAIN_VALID,
  E_REQUEST,
  FRAME_VERSION,
  J_ACTION,
  J_CHAIN,
  J_EVALUATE,
  J_FLAGS,
  J_HOST,
  J_NAMES,
  J_REASON,
  J_SESSION,
  J_SIZE,
  J_TLS_VERSION,
  J_VERSION,
  JUDGE_DEFER,
  JUDGE_DELIVER,
  JUDGE_LAST_HOST,
  JUDGE_NEXT_HOST,
  OUT_HEADER,
  PLAN_ADDRESS_FAILED,
  PLAN_DANE_REQUIRED,
  PLAN_NO_ADDRESS,
  PLAN_NOT_A_HOST_NAME,
  PLAN_NOT_IN_POLICY,
  PLAN_OK,
  PLAN_TEMPORARY,
  PLAN_TLSA_FAILED,
  RESULT_CERTIFICATE_EXPIRED,
  RESULT_CERTIFICATE_HOST_MISMATCH,
  RESULT_CERTIFICATE_NOT_TRUSTED,
  RESULT_DANE_REQUIRED,
  RESULT_DNSSEC_INVALID,
  RESULT_NONE,
  RESULT_STARTTLS_NOT_SUPPORTED,
  RESULT_TLSA_INVALID,
  RESULT_VALIDATION_FAILURE,
  SESSION_HANDSHAKE_FAILED,
  SESSION_NO_STARTTLS,
  SESSION_NOT_CONNECTED,
  SESSION_STARTTLS_REFUSED,
  SESSION_TLS,
  TLS_1_2,
  WHY_ADDRESS_FAILED,
  WHY_CHAIN_INVALID,
  WHY_COMPLIANT,
  WHY_DANE_NO_MATCH,
  WHY_DANE_REQUIRED,
  WHY_EXPIRED,
  WHY_HANDSHAKE_FAILED,
  WHY_NAME_MISMATCH,
  WHY_NO_ADDRESS,
  WHY_NO_CERTIFICATE,
  WHY_NO_STARTTLS,
  WHY_NOT_A_HOST_NAME,
  WHY_NOT_CONNECTED,
  WHY_NOT_IN_POLICY,
  WHY_NOT_YET_VALID,
  WHY_STARTTLS_REFUSED,
  WHY_TEMPORARY,
  WHY_TLS_VERSION,
  WHY_TLSA_FAILED,
  WHY_TLSA_UNUSABLE,
  WHY_UNTRUSTED,
} from "./abi.ts";
import { HOSTS_CUT, matchAnyIdentity, matchIdentity } from "./identity.ts";
import { load32, OUT, store32 } from "./memory.ts";
import { failAt } from "./verdict.ts";

let request: usize = 0;
let named: i32 = 0;

function fact(field: u32): u32 {
  return load32(request + field);
}

function sessionFault(): u32 {
  const session = fact(J_SESSION);
  if (session === SESSION_NOT_CONNECTED) return WHY_NOT_CONNECTED;
  if (session === SESSION_NO_STARTTLS) return WHY_NO_STARTTLS;
  if (session === SESSION_STARTTLS_REFUSED) return WHY_STARTTLS_REFUSED;
  if (session === SESSION_HANDSHAKE_FAILED) return WHY_HANDSHAKE_FAILED;
  return fact(J_TLS_VERSION) < TLS_1_2 ? WHY_TLS_VERSION : WHY_COMPLIANT;
}

function chainFault(): u32 {
  const chain = fact(J_CHAIN);
  if (chain === CHAIN_NO_CERTIFICATE) return WHY_NO_CERTIFICATE;
  if (chain === CHAIN_EXPIRED) return WHY_EXPIRED;
  if (chain === CHAIN_NOT_YET_VALID) return WHY_NOT_YET_VALID;
  if (chain === CHAIN_UNTRUSTED) return WHY_UNTRUSTED;
  if (chain === CHAIN_DANE_NO_MATCH) return WHY_DANE_NO_MATCH;
  return chain === CHAIN_INVALID ? WHY_CHAIN_INVALID : WHY_COMPLIANT;
}

function planFault(): u32 {
  const reason = fact(J_REASON);
  if (reason === PLAN_NOT_IN_POLICY) return WHY_NOT_IN_POLICY;
  if (reason === PLAN_NOT_A_HOST_NAME) return WHY_NOT_A_HOST_NAME;
  if (reason === PLAN_NO_ADDRESS) return WHY_NO_ADDRESS;
  if (reason === PLAN_ADDRESS_FAILED) return WHY_ADDRESS_FAILED;
  if (reason === PLAN_TLSA_FAILED) return WHY_TLSA_FAILED;
  if (reason === PLAN_DANE_REQUIRED) return WHY_DANE_REQUIRED;
  return reason === PLAN_TEMPORARY ? WHY_TEMPORARY : WHY_COMPLIANT;
}

/** The first thing that breaks the policy, in the order in which a session meets them. */
function findFault(): u32 {
  const planned = planFault();
  if (planned !== WHY_COMPLIANT) return planned;
  const session = sessionFault();
  if (session !== WHY_COMPLIANT) return session;
  const chain = chainFault();
  if (chain !== WHY_COMPLIANT) return chain;
  return named === 1 ? WHY_COMPLIANT : WHY_NAME_MISMATCH;
}

/**
 * DANE: the server is authenticated by its TLSA records and by nothing else (R-7672-3.2-01). With DANE-EE neither name nor
 * dates count (R-7672-3.1.1-01), with DANE-TA both do (R-7672-3.1.2-01).
 */
function daneFault(): u32 {
  const session = sessionFault();
  if (session !== WHY_COMPLIANT) return session;
  const chain = chainFault();
  if (chain !== WHY_COMPLIANT) return chain;
  if (fact(J_CHAIN) === CHAIN_DANE_EE) return WHY_COMPLIANT;
  return named === 1 ? WHY_COMPLIANT : WHY_NAME_MISMATCH;
}

/** TLSA records none of which is usable: TLS is required, and that is all that can be (R-7672-2.2-02). */
function encryptFault(): u32 {
  const session = sessionFault();
  return session === WHY_COMPLIANT ? WHY_TLSA_UNUSABLE : session;
}

function resultType(why: u32): u32 {
  if (why === WHY_COMPLIANT || why === WHY_NOT_CONNECTED || why === WHY_TEMPORARY) return RESULT_NONE;
  if (why === WHY_NO_ADDRESS || why === WHY_ADDRESS_FAILED) return RESULT_NONE;
  if (why === WHY_TLSA_FAILED) return RESULT_DNSSEC_INVALID;
  if (why === WHY_TLSA_UNUSABLE) return RESULT_TLSA_INVALID;
  if (why === WHY_DANE_REQUIRED) return RESULT_DANE_REQUIRED;
  if (why === WHY_DANE_NO_MATCH) return RESULT_CERTIFICATE_HOST_MISMATCH; // AMB-37
  if (why === WHY_NO_STARTTLS || why === WHY_STARTTLS_REFUSED) return RESULT_STARTTLS_NOT_SUPPORTED;
  if (why === WHY_EXPIRED) return RESULT_CERTIFICATE_EXPIRED;
  if (why === WHY_UNTRUSTED || why === WHY_NOT_YET_VALID) return RESULT_CERTIFICATE_NOT_TRUSTED;
  return why === WHY_NAME_MISMATCH ? RESULT_CERTIFICATE_HOST_MISMATCH : RESULT_VALIDATION_FAILURE;
}

/** Only a bound host fails a message on; opportunistic ones deliver over whatever session there is. */
function verdictFor(why: u32): u32 {
  const elsewhere = (fact(J_FLAGS) & JUDGE_LAST_HOST) !== 0 ? JUDGE_DEFER : JUDGE_NEXT_HOST;
  if (fact(J_SESSION) === SESSION_NOT_CONNECTED || fact(J_ACTION) === ACTION_SKIP) return elsewhere;
  if (fact(J_ACTION) === ACTION_OPPORTUNISTIC) return JUDGE_DELIVER;
  if (fact(J_ACTION) === ACTION_ENCRYPT) return sessionFault() === WHY_COMPLIANT ? JUDGE_DELIVER : elsewhere;
  return why === WHY_COMPLIANT ? JUDGE_DELIVER : elsewhere;
}

/** An opportunistic session without a policy to compare with: TLS is success, its absence a failure (RFC 8460 §4.2). */
function opportunisticFault(): u32 {
  const fault = sessionFault();
  return fault === WHY_TLS_VERSION ? WHY_COMPLIANT : fault;
}

function fault(): u32 {
  if (fact(J_ACTION) === ACTION_DANE) return daneFault();
  if (fact(J_EVALUATE) !== 0 || fact(J_ACTION) === ACTION_PKIX || fact(J_ACTION) === ACTION_SKIP) return findFault();
  return fact(J_ACTION) === ACTION_ENCRYPT ? encryptFault() : opportunisticFault();
}

/** What the certificate may be worth depends on who vouches for it: TLSA records or certificate authorities. */
function isChainFitting(): bool {
  const chain = fact(J_CHAIN);
  if (fact(J_ACTION) === ACTION_DANE) return chain !== CHAIN_VALID && chain <= CHAIN_DANE_NO_MATCH;
  return chain <= CHAIN_INVALID;
}

/** ACTION_DANE: a list of reference identities, any of which will do (R-7672-3.2.2-01); else the one MX host name. */
function matchNames(): i32 {
  const names = request + fact(J_NAMES);
  const host = request + fact(J_HOST);
  if (fact(J_ACTION) !== ACTION_DANE) return matchIdentity(names, fact(J_NAMES + 4), host, fact(J_HOST + 4));
  return matchAnyIdentity(names, fact(J_NAMES + 4), host, fact(J_HOST + 4));
}

function isPartInside(field: u32, n: u32): bool {
  return fact(field) <= n && fact(field + 4) <= n - fact(field);
}

function badField(n: u32): i32 {
  if (fact(J_VERSION) !== FRAME_VERSION) return i32(J_VERSION);
  const action = fact(J_ACTION);
  if (action < ACTION_PKIX || action > ACTION_ENCRYPT) return i32(J_ACTION);
  if (fact(J_REASON) > PLAN_DANE_REQUIRED || (action === ACTION_PKIX && fact(J_REASON) !== PLAN_OK))
    return i32(J_REASON);
  if (fact(J_EVALUATE) > 1) return i32(J_EVALUATE);
  if (fact(J_FLAGS) > JUDGE_LAST_HOST) return i32(J_FLAGS);
  if (fact(J_SESSION) < SESSION_NOT_CONNECTED || fact(J_SESSION) > SESSION_TLS) return i32(J_SESSION);
  if (!isChainFitting()) return i32(J_CHAIN);
  if (!isPartInside(J_NAMES, n)) return i32(J_NAMES);
  if (!isPartInside(J_HOST, n)) return i32(J_HOST);
  // Does the certificate name the MX host itself (R-8461-4.2-03, -05)? Negative for a list that is cut.
  named = matchNames();
  return named >= 0 ? -1 : named === HOSTS_CUT ? i32(J_HOST) : i32(J_NAMES);
}

/** JUDGE_DELIVER, JUDGE_NEXT_HOST or JUDGE_DEFER, or an error code. OUT holds verdict, result type, compliance, why. */
export function judge(p: usize, n: u32): i32 {
  request = p;
  if (n < J_SIZE) return failAt(n, E_REQUEST);
  const bad = badField(n);
  if (bad >= 0) return failAt(u32(bad), E_REQUEST);
  const why = fault();
  const verdict = verdictFor(why);
  const out = OUT + OUT_HEADER;
  store32(out, verdict);
  store32(out + 4, resultType(why));
  store32(out + 8, why === WHY_COMPLIANT ? 1 : 0);
  store32(out + 12, why);
  return i32(verdict);
}
