// Numbers of the ABI and the words for them: one table for logs, JSON, metrics and errors.
import * as abi from "../../assembly/abi.ts";

export const ERRORS = {
  [abi.E_BOUNDS]: ["bounds", "the request lies outside the IN area"],
  [abi.E_REQUEST]: ["request", "the request frame is malformed"],
  [abi.E_STATE]: ["state", "the stored state is damaged, of another domain, or of a newer version"],
  [abi.E_RECORD_SEVERAL]: ["record-several", "more than one TXT record begins with v=STSv1;"],
  [abi.E_RECORD_DELIMITER]: ["record-delimiter", "a semicolon was expected"],
  [abi.E_RECORD_CHARACTER]: ["record-character", "an octet outside printable ASCII"],
  [abi.E_RECORD_FIELD]: ["record-field", "a field is name=value with a name of 1 to 32 letters, digits, '_', '-', '.'"],
  [abi.E_RECORD_VALUE]: ["record-value", "a field has an empty value"],
  [abi.E_RECORD_ID]: ["record-id", "the id is not 1 to 32 letters and digits"],
  [abi.E_RECORD_NO_ID]: ["record-no-id", "the record has no id"],
  [abi.E_POLICY_TOO_LARGE]: ["policy-too-large", "the policy is larger than 64 KiB"],
  [abi.E_POLICY_EMPTY]: ["policy-empty", "the policy is empty"],
  [abi.E_POLICY_LINE]: ["policy-line", "a line is not name: value"],
  [abi.E_POLICY_NAME]: ["policy-name", "a name is not 1 to 32 letters, digits, '_', '-', '.'"],
  [abi.E_POLICY_VALUE]: ["policy-value", "a value is empty or holds a control character or malformed UTF-8"],
  [abi.E_POLICY_VERSION]: ["policy-version", "the version is not STSv1"],
  [abi.E_POLICY_MODE]: ["policy-mode", "the mode is not enforce, testing or none"],
  [abi.E_POLICY_MAX_AGE]: ["policy-max-age", "max_age is not 1 to 10 digits"],
  [abi.E_POLICY_MX]: ["policy-mx", "an mx value is not a host name, or *. and a host name"],
  [abi.E_POLICY_NO_VERSION]: ["policy-no-version", "there is no version line"],
  [abi.E_POLICY_NO_MODE]: ["policy-no-mode", "there is no mode line"],
  [abi.E_POLICY_NO_MAX_AGE]: ["policy-no-max-age", "there is no max_age line"],
  [abi.E_POLICY_NO_MX]: ["policy-no-mx", "modes enforce and testing need at least one mx line"],
  [abi.E_MEDIA_TYPE]: ["media-type", "the Content-Type is not text/plain"],
  [abi.E_MEDIA_TYPE_MISSING]: ["media-type-missing", "the response has no Content-Type"],
  [abi.E_PATTERN]: ["pattern", "the pattern is not a host name, or *. and a host name"],
} as const satisfies Record<number, readonly [string, string]>;

export const MODES = { [abi.MODE_ENFORCE]: "enforce", [abi.MODE_TESTING]: "testing", [abi.MODE_NONE]: "none" } as const;

export const LENIENCIES = {
  "outer-blanks": abi.LENIENT_OUTER_BLANKS,
  "blank-lines": abi.LENIENT_BLANK_LINES,
  "byte-order-mark": abi.LENIENT_BYTE_ORDER_MARK,
  "missing-content-type": abi.LENIENT_MISSING_CONTENT_TYPE,
} as const;

export const STATUSES = {
  [abi.STATUS_CACHED]: "cached",
  [abi.STATUS_FETCHED]: "fetched",
  [abi.STATUS_NO_RECORD]: "no-record",
  [abi.STATUS_RECORD_INVALID]: "record-invalid",
  [abi.STATUS_RECORD_FAILED]: "record-failed",
  [abi.STATUS_FETCH_FAILED]: "fetch-failed",
  [abi.STATUS_POLICY_INVALID]: "policy-invalid",
  [abi.STATUS_PENDING]: "pending",
  [abi.STATUS_STORE_FAILED]: "store-failed",
} as const;

export const VERDICTS = {
  [abi.VERDICT_NONE]: "none",
  [abi.VERDICT_POLICY]: "policy",
  [abi.VERDICT_TEMP]: "temp",
} as const;

export const REASONS = {
  [abi.REASON_NONE]: null,
  [abi.REASON_DISCOVERY_PENDING]: "discovery-pending",
  [abi.REASON_DISCOVERY_FAILED]: "discovery-failed",
  [abi.REASON_STORE_UNAVAILABLE]: "store-unavailable",
} as const;

/** RFC 8460 §4.3. */
export const RESULT_TYPES = {
  [abi.RESULT_NONE]: null,
  [abi.RESULT_STARTTLS_NOT_SUPPORTED]: "starttls-not-supported",
  [abi.RESULT_CERTIFICATE_HOST_MISMATCH]: "certificate-host-mismatch",
  [abi.RESULT_CERTIFICATE_EXPIRED]: "certificate-expired",
  [abi.RESULT_CERTIFICATE_NOT_TRUSTED]: "certificate-not-trusted",
  [abi.RESULT_VALIDATION_FAILURE]: "validation-failure",
  [abi.RESULT_TLSA_INVALID]: "tlsa-invalid",
  [abi.RESULT_DNSSEC_INVALID]: "dnssec-invalid",
  [abi.RESULT_DANE_REQUIRED]: "dane-required",
  [abi.RESULT_STS_POLICY_FETCH_ERROR]: "sts-policy-fetch-error",
  [abi.RESULT_STS_POLICY_INVALID]: "sts-policy-invalid",
  [abi.RESULT_STS_WEBPKI_INVALID]: "sts-webpki-invalid",
} as const;

export const FETCH_FAILURES = {
  dns: abi.FETCH_DNS,
  "address-forbidden": abi.FETCH_ADDRESS_FORBIDDEN,
  connect: abi.FETCH_CONNECT,
  tls: abi.FETCH_TLS,
  certificate: abi.FETCH_CERTIFICATE,
  timeout: abi.FETCH_TIMEOUT,
  status: abi.FETCH_STATUS,
  redirect: abi.FETCH_REDIRECT,
  "too-large": abi.FETCH_TOO_LARGE,
  incomplete: abi.FETCH_INCOMPLETE,
  encoding: abi.FETCH_ENCODING,
  protocol: abi.FETCH_PROTOCOL,
  aborted: abi.FETCH_ABORTED,
} as const;

export const NOTICES = {
  [abi.NOTICE_POLICY_NEW]: "policy-new",
  [abi.NOTICE_POLICY_CHANGED]: "policy-changed",
  [abi.NOTICE_POLICY_WEAKENED]: "policy-weakened",
  [abi.NOTICE_POLICY_EXPIRED]: "policy-expired",
  [abi.NOTICE_RECORD_MISSING]: "record-missing",
  [abi.NOTICE_RECORD_INVALID]: "record-invalid",
  [abi.NOTICE_RECORD_FAILED]: "record-failed",
  [abi.NOTICE_FETCH_FAILED]: "fetch-failed",
  [abi.NOTICE_POLICY_INVALID]: "policy-invalid",
  [abi.NOTICE_REFRESH_FAILING]: "refresh-failing",
  [abi.NOTICE_DISCOVERY_OPEN]: "discovery-open",
  [abi.NOTICE_ID_CHURN]: "id-churn",
  [abi.NOTICE_CLOCK_AHEAD]: "clock-ahead",
  [abi.NOTICE_CLOCK_BEHIND]: "clock-behind",
  [abi.NOTICE_LENIENCY_USED]: "leniency-used",
} as const;

/** What DNS says of an MX host as far as DANE is concerned. */
export const DANE_STATES = {
  [abi.DANE_UNKNOWN]: "unknown",
  [abi.DANE_USABLE]: "usable",
  [abi.DANE_UNUSABLE]: "unusable",
  [abi.DANE_ABSENT]: "absent",
  [abi.DANE_INSECURE]: "insecure",
  [abi.DANE_FAILED]: "failed",
  [abi.DANE_NO_ADDRESS]: "no-address",
  [abi.DANE_ADDRESS_FAILED]: "address-failed",
} as const;

/** How the addresses of an MX host were found, over an alias or without one. */
export const ADDRESSES = {
  failed: abi.ADDRESS_FAILED,
  none: abi.ADDRESS_NONE,
  secure: abi.ADDRESS_SECURE,
  insecure: abi.ADDRESS_INSECURE,
  "alias-secure": abi.ADDRESS_ALIAS_SECURE,
  "alias-first-secure": abi.ADDRESS_ALIAS_FIRST_SECURE,
  "alias-insecure": abi.ADDRESS_ALIAS_INSECURE,
} as const;

/** Which name the TLSA records of an MX host stand under. */
export const BASES = {
  [abi.BASE_NONE]: null,
  [abi.BASE_EXPANDED]: "expanded",
  [abi.BASE_ORIGINAL]: "original",
} as const;

export const ACTIONS = {
  [abi.ACTION_PKIX]: "pkix",
  [abi.ACTION_DANE]: "dane",
  [abi.ACTION_OPPORTUNISTIC]: "opportunistic",
  [abi.ACTION_SKIP]: "skip",
  [abi.ACTION_ENCRYPT]: "encrypt",
} as const;

export const PLAN_REASONS = {
  [abi.PLAN_OK]: null,
  [abi.PLAN_NOT_IN_POLICY]: "not-in-policy",
  [abi.PLAN_NOT_A_HOST_NAME]: "not-a-host-name",
  [abi.PLAN_TEMPORARY]: "temporary",
  [abi.PLAN_NO_ADDRESS]: "no-address",
  [abi.PLAN_ADDRESS_FAILED]: "address-failed",
  [abi.PLAN_TLSA_FAILED]: "tlsa-failed",
  [abi.PLAN_DANE_REQUIRED]: "dane-required",
} as const;

export const SESSIONS = {
  "not-connected": abi.SESSION_NOT_CONNECTED,
  "no-starttls": abi.SESSION_NO_STARTTLS,
  "starttls-refused": abi.SESSION_STARTTLS_REFUSED,
  "handshake-failed": abi.SESSION_HANDSHAKE_FAILED,
  tls: abi.SESSION_TLS,
} as const;

export const CHAINS = {
  valid: abi.CHAIN_VALID,
  "no-certificate": abi.CHAIN_NO_CERTIFICATE,
  expired: abi.CHAIN_EXPIRED,
  "not-yet-valid": abi.CHAIN_NOT_YET_VALID,
  untrusted: abi.CHAIN_UNTRUSTED,
  invalid: abi.CHAIN_INVALID,
  "dane-ee": abi.CHAIN_DANE_EE,
  "dane-ta": abi.CHAIN_DANE_TA,
  "dane-no-match": abi.CHAIN_DANE_NO_MATCH,
} as const;

export const JUDGEMENTS = {
  [abi.JUDGE_DELIVER]: "deliver",
  [abi.JUDGE_NEXT_HOST]: "next-host",
  [abi.JUDGE_DEFER]: "defer",
} as const;

export const WHYS = {
  [abi.WHY_COMPLIANT]: "compliant",
  [abi.WHY_NOT_IN_POLICY]: "not-in-policy",
  [abi.WHY_NOT_A_HOST_NAME]: "not-a-host-name",
  [abi.WHY_TEMPORARY]: "temporary",
  [abi.WHY_NOT_CONNECTED]: "not-connected",
  [abi.WHY_NO_STARTTLS]: "no-starttls",
  [abi.WHY_STARTTLS_REFUSED]: "starttls-refused",
  [abi.WHY_HANDSHAKE_FAILED]: "handshake-failed",
  [abi.WHY_TLS_VERSION]: "tls-version",
  [abi.WHY_NO_CERTIFICATE]: "no-certificate",
  [abi.WHY_EXPIRED]: "expired",
  [abi.WHY_NOT_YET_VALID]: "not-yet-valid",
  [abi.WHY_UNTRUSTED]: "untrusted",
  [abi.WHY_CHAIN_INVALID]: "chain-invalid",
  [abi.WHY_NAME_MISMATCH]: "name-mismatch",
  [abi.WHY_DANE_NO_MATCH]: "dane-no-match",
  [abi.WHY_TLSA_UNUSABLE]: "tlsa-unusable",
  [abi.WHY_NO_ADDRESS]: "no-address",
  [abi.WHY_ADDRESS_FAILED]: "address-failed",
  [abi.WHY_TLSA_FAILED]: "tlsa-failed",
  [abi.WHY_DANE_REQUIRED]: "dane-required",
} as const;

export const ON_DISCOVERY_FAILURE = {
  "defer-briefly": abi.ON_FAILURE_DEFER_BRIEFLY,
  deliver: abi.ON_FAILURE_DELIVER,
  defer: abi.ON_FAILURE_DEFER,
} as const;

type Values<T> = T[keyof T];
export type ErrorName = Values<typeof ERRORS>[0];
export type Mode = Values<typeof MODES>;
export type Leniency = keyof typeof LENIENCIES;
export type Status = Values<typeof STATUSES>;
export type Verdict = Values<typeof VERDICTS>;
export type Reason = Values<typeof REASONS>;
export type ResultType = Values<typeof RESULT_TYPES>;
export type FetchFailureName = keyof typeof FETCH_FAILURES;
export type Notice = Values<typeof NOTICES>;
export type DaneState = Values<typeof DANE_STATES>;
export type Addresses = keyof typeof ADDRESSES;
export type Base = Values<typeof BASES>;
export type Action = Values<typeof ACTIONS>;
export type PlanReason = Values<typeof PLAN_REASONS>;
export type Session = keyof typeof SESSIONS;
export type Chain = keyof typeof CHAINS;
export type Judgement = Values<typeof JUDGEMENTS>;
export type Why = Values<typeof WHYS>;
export type OnDiscoveryFailure = keyof typeof ON_DISCOVERY_FAILURE;

/** The word for a number the core gave; a number without a word means that core and host do not belong together. */
export function nameOf<T extends Record<number, unknown>>(table: T, number: number): Values<T> {
  const name = table[number];
  if (name === undefined) throw new Error(`the core gave ${number}, which this host does not know`);
  return name as Values<T>;
}

/** The number for a word: a table by number, read the other way round. */
export function numberOf<T extends Record<number, unknown>>(table: T, word: Values<T>): number {
  const entry = Object.entries(table).find(([, name]) => name === word);
  if (!entry) throw new RangeError(`${String(word)} is no word of the core`);
  return Number(entry[0]);
}

export function leniencyBits(names: readonly Leniency[]): number {
  return names.reduce((bits, name) => bits | LENIENCIES[name], 0);
}

export function leniencyNames(bits: number): Leniency[] {
  if (bits === 0) return [];
  return (Object.keys(LENIENCIES) as Leniency[]).filter((name) => (bits & LENIENCIES[name]) !== 0);
}

/** What a discovery detail means: a failed fetch by its kind, an error of the core by its name. */
export function detailName(detail: number): FetchFailureName | ErrorName | null {
  if (detail < 0) return nameOf(ERRORS, detail)[0];
  const failure = Object.entries(FETCH_FAILURES).find(([, number]) => number === detail);
  return failure ? (failure[0] as FetchFailureName) : null;
}
