// Every number of the ABI: docs/abi.md is the contract, this is its one source in code. Numbers are never reused.

export const ABI_MAJOR: u32 = 1;
export const ABI_MINOR: u32 = 1;

// ---- areas and limits (bytes) ----
export const IN_CAPACITY: u32 = 196608;
export const OUT_CAPACITY: u32 = 196608;
export const POLICY_LIMIT: u32 = 65536; // RFC 8461 §3.3 suggests 64 KiB
export const DOMAIN_LIMIT: u32 = 253;
export const LABEL_LIMIT: u32 = 63;
export const ID_LIMIT: u32 = 32;
export const MAX_AGE_LIMIT: u32 = 31557600; // RFC 8461 §3.2: one year
export const FRAME_VERSION: u32 = 1;
/** A length field with this value says that the thing itself is absent (a response without Content-Type). */
export const ABSENT: u32 = 0xffffffff;

// ---- OUT header ----
export const OUT_STATUS: u32 = 0;
export const OUT_OFFSET: u32 = 4;
export const OUT_KIND: u32 = 8;
export const OUT_LENGTH: u32 = 12;
export const OUT_HEADER: u32 = 16;

export const KIND_RECORD: u32 = 1;
export const KIND_POLICY: u32 = 2;
export const KIND_MATCH: u32 = 3;
export const KIND_STEP: u32 = 4;
export const KIND_PLAN: u32 = 5;
export const KIND_JUDGE: u32 = 6;
export const KIND_TLSA: u32 = 7;
export const KIND_TLSA_MATCH: u32 = 8;
export const KIND_TLSA_BASE: u32 = 9;

// ---- error codes ----
export const E_BOUNDS: i32 = -1;
export const E_REQUEST: i32 = -2;
export const E_STATE: i32 = -3;
export const E_RECORD_SEVERAL: i32 = -10;
export const E_RECORD_DELIMITER: i32 = -11;
export const E_RECORD_CHARACTER: i32 = -12;
export const E_RECORD_FIELD: i32 = -13;
export const E_RECORD_VALUE: i32 = -14;
export const E_RECORD_ID: i32 = -15;
export const E_RECORD_NO_ID: i32 = -16;
export const E_POLICY_TOO_LARGE: i32 = -30;
export const E_POLICY_EMPTY: i32 = -31;
export const E_POLICY_LINE: i32 = -32;
export const E_POLICY_NAME: i32 = -33;
export const E_POLICY_VALUE: i32 = -34;
export const E_POLICY_VERSION: i32 = -35;
export const E_POLICY_MODE: i32 = -36;
export const E_POLICY_MAX_AGE: i32 = -37;
export const E_POLICY_MX: i32 = -38;
export const E_POLICY_NO_VERSION: i32 = -39;
export const E_POLICY_NO_MODE: i32 = -40;
export const E_POLICY_NO_MAX_AGE: i32 = -41;
export const E_POLICY_NO_MX: i32 = -42;
export const E_MEDIA_TYPE: i32 = -43;
export const E_MEDIA_TYPE_MISSING: i32 = -44;
export const E_PATTERN: i32 = -50;

// ---- leniencies: bits, off by default, reported when they were needed ----
export const LENIENT_OUTER_BLANKS: u32 = 1;
export const LENIENT_BLANK_LINES: u32 = 2;
export const LENIENT_BYTE_ORDER_MARK: u32 = 4;
export const LENIENT_MISSING_CONTENT_TYPE: u32 = 8;
export const LENIENT_ALL: u32 = 15;

// ---- policy modes; MODE_ABSENT is "no policy held" ----
export const MODE_ABSENT: u32 = 0;
export const MODE_ENFORCE: u32 = 1;
export const MODE_TESTING: u32 = 2;
export const MODE_NONE: u32 = 3;

// ---- step: request ----
export const Q_VERSION: u32 = 0;
export const Q_EVENT: u32 = 4;
export const Q_NOW: u32 = 8;
export const Q_UPTIME: u32 = 12;
export const Q_UPTIME_MS: u32 = 16;
export const Q_BOOT: u32 = 20;
export const Q_SEED: u32 = 24;
export const Q_HIGH_WATER: u32 = 28;
export const Q_FLAGS: u32 = 32;
export const Q_LENIENCY: u32 = 36;
export const Q_ON_FAILURE: u32 = 40;
export const Q_DOMAIN: u32 = 44;
export const Q_STATE: u32 = 52;
export const Q_OUTCOME: u32 = 60;
export const Q_TTL: u32 = 64;
export const Q_SECURE: u32 = 68;
export const Q_DATA: u32 = 72;
export const Q_TYPE: u32 = 80;
export const Q_TOKEN: u32 = 88;
export const TOKEN_UPTIME: u32 = 0;
export const TOKEN_UPTIME_MS: u32 = 4;
export const TOKEN_BOOT: u32 = 8;
export const TOKEN_ID_LENGTH: u32 = 12;
export const TOKEN_ID: u32 = 16;
export const TOKEN_SIZE: u32 = 48;
export const Q_SIZE: u32 = 136;

export const EVENT_LOOKUP: u32 = 1;
export const EVENT_RECORD: u32 = 2;
export const EVENT_POLICY: u32 = 3;
export const EVENT_DEADLINE: u32 = 4;
export const EVENT_REFRESH: u32 = 5;
export const EVENT_RECHECK: u32 = 6;

export const FLAG_QUERY_IN_FLIGHT: u32 = 1;
export const FLAG_GET_IN_FLIGHT: u32 = 2;
export const FLAG_RECHECK_WAITING: u32 = 4;
export const FLAG_PAST_LOST: u32 = 8;
export const FLAG_STORE_UNREADABLE: u32 = 16;
export const FLAG_FORCE: u32 = 32;
export const FLAG_ALL: u32 = 63;

export const ON_FAILURE_DEFER_BRIEFLY: u32 = 0;
export const ON_FAILURE_DELIVER: u32 = 1;
export const ON_FAILURE_DEFER: u32 = 2;

export const RECORD_ANSWERED: u32 = 1;
export const RECORD_NONE: u32 = 2;
export const RECORD_FAILED: u32 = 3;

export const FETCH_OK: u32 = 0;
export const FETCH_DNS: u32 = 1;
export const FETCH_ADDRESS_FORBIDDEN: u32 = 2;
export const FETCH_CONNECT: u32 = 3;
export const FETCH_TLS: u32 = 4;
export const FETCH_CERTIFICATE: u32 = 5;
export const FETCH_TIMEOUT: u32 = 6;
export const FETCH_STATUS: u32 = 7;
export const FETCH_REDIRECT: u32 = 8;
export const FETCH_TOO_LARGE: u32 = 9;
export const FETCH_INCOMPLETE: u32 = 10;
export const FETCH_ENCODING: u32 = 11;
export const FETCH_PROTOCOL: u32 = 12;
export const FETCH_ABORTED: u32 = 13;

// ---- step: effects ----
export const EFFECT_STATE: u32 = 1;
export const EFFECT_STORE: u32 = 2;
export const EFFECT_FORGET: u32 = 3;
export const EFFECT_NOTICE: u32 = 4;
export const EFFECT_QUERY_RECORD: u32 = 5;
export const EFFECT_GET_POLICY: u32 = 6;
export const EFFECT_WAKE_AT: u32 = 7;
export const EFFECT_ANSWER: u32 = 8;
export const EFFECT_HEADER: u32 = 8; // kind, size

export const STATUS_CACHED: u32 = 1;
export const STATUS_FETCHED: u32 = 2;
export const STATUS_NO_RECORD: u32 = 3;
export const STATUS_RECORD_INVALID: u32 = 4;
export const STATUS_RECORD_FAILED: u32 = 5;
export const STATUS_FETCH_FAILED: u32 = 6;
export const STATUS_POLICY_INVALID: u32 = 7;
export const STATUS_PENDING: u32 = 8;
export const STATUS_STORE_FAILED: u32 = 9;

export const VERDICT_NONE: u32 = 0;
export const VERDICT_POLICY: u32 = 1;
export const VERDICT_TEMP: u32 = 2;

export const REASON_NONE: u32 = 0;
export const REASON_DISCOVERY_PENDING: u32 = 1;
export const REASON_DISCOVERY_FAILED: u32 = 2;
export const REASON_STORE_UNAVAILABLE: u32 = 3;

// ---- RFC 8460 §4.3 result types ----
export const RESULT_NONE: u32 = 0;
export const RESULT_STARTTLS_NOT_SUPPORTED: u32 = 1;
export const RESULT_CERTIFICATE_HOST_MISMATCH: u32 = 2;
export const RESULT_CERTIFICATE_EXPIRED: u32 = 3;
export const RESULT_CERTIFICATE_NOT_TRUSTED: u32 = 4;
export const RESULT_VALIDATION_FAILURE: u32 = 5;
export const RESULT_TLSA_INVALID: u32 = 6;
export const RESULT_DNSSEC_INVALID: u32 = 7;
export const RESULT_DANE_REQUIRED: u32 = 8;
export const RESULT_STS_POLICY_FETCH_ERROR: u32 = 9;
export const RESULT_STS_POLICY_INVALID: u32 = 10;
export const RESULT_STS_WEBPKI_INVALID: u32 = 11;

// ---- notices ----
export const NOTICE_POLICY_NEW: u32 = 1;
export const NOTICE_POLICY_CHANGED: u32 = 2;
export const NOTICE_POLICY_WEAKENED: u32 = 3;
export const NOTICE_POLICY_EXPIRED: u32 = 4;
export const NOTICE_RECORD_MISSING: u32 = 5;
export const NOTICE_RECORD_INVALID: u32 = 6;
export const NOTICE_RECORD_FAILED: u32 = 7;
export const NOTICE_FETCH_FAILED: u32 = 8;
export const NOTICE_POLICY_INVALID: u32 = 9;
export const NOTICE_REFRESH_FAILING: u32 = 10;
export const NOTICE_DISCOVERY_OPEN: u32 = 11;
export const NOTICE_ID_CHURN: u32 = 12;
export const NOTICE_CLOCK_AHEAD: u32 = 13;
export const NOTICE_CLOCK_BEHIND: u32 = 14;
export const NOTICE_LENIENCY_USED: u32 = 15;

// ---- TLSA ----
export const TLSA_LIMIT: u32 = 131072;

export const USAGE_DANE_TA: u32 = 2;
export const USAGE_DANE_EE: u32 = 3;
export const SELECTOR_CERTIFICATE: u32 = 0;
export const SELECTOR_KEY: u32 = 1;
export const MATCHING_FULL: u32 = 0;
export const MATCHING_SHA256: u32 = 1;
export const MATCHING_SHA512: u32 = 2;

/** What DNS says of one MX host, as far as DANE is concerned; the first five are outcomes of a TLSA lookup too. */
export const DANE_UNKNOWN: u32 = 0;
export const DANE_USABLE: u32 = 1;
export const DANE_UNUSABLE: u32 = 2;
export const DANE_ABSENT: u32 = 3;
export const DANE_INSECURE: u32 = 4;
export const DANE_FAILED: u32 = 5;
export const DANE_NO_ADDRESS: u32 = 6;
export const DANE_ADDRESS_FAILED: u32 = 7;

export const ADDRESS_FAILED: u32 = 1;
export const ADDRESS_NONE: u32 = 2;
export const ADDRESS_SECURE: u32 = 3;
export const ADDRESS_INSECURE: u32 = 4;
export const ADDRESS_ALIAS_SECURE: u32 = 5;
export const ADDRESS_ALIAS_FIRST_SECURE: u32 = 6;
export const ADDRESS_ALIAS_INSECURE: u32 = 7;

export const BASE_NONE: u32 = 0;
export const BASE_EXPANDED: u32 = 1;
export const BASE_ORIGINAL: u32 = 2;

export const M_VERSION: u32 = 0;
export const M_RECORDS: u32 = 4;
export const M_CERTIFICATES: u32 = 12;
export const M_SIZE: u32 = 20;
export const PEER_CERTIFICATE_SHA256: u32 = 0;
export const PEER_CERTIFICATE_SHA512: u32 = 32;
export const PEER_KEY_SHA256: u32 = 96;
export const PEER_KEY_SHA512: u32 = 128;
export const PEER_CERTIFICATE: u32 = 192; // u32 length + octets, then the same for the key
export const MATCH_ENTRY: u32 = 12; // offset and length of the record, index of the certificate

// ---- plan ----
export const P_VERSION: u32 = 0;
export const P_VERDICT: u32 = 4;
export const P_POLICY: u32 = 8;
export const P_LENIENCY: u32 = 16;
export const P_HOSTS: u32 = 20;
export const P_FLAGS: u32 = 28;
export const P_SIZE: u32 = 32;
export const PLAN_ENTRY: u32 = 12; // action, reason, evaluate

export const ACTION_PKIX: u32 = 1;
export const ACTION_DANE: u32 = 2;
export const ACTION_OPPORTUNISTIC: u32 = 3;
export const ACTION_SKIP: u32 = 4;
export const ACTION_ENCRYPT: u32 = 5;

export const FACTS_DANE: u32 = 1;
export const FACTS_MX_SECURE: u32 = 2;
export const FACTS_DANE_MANDATORY: u32 = 4;
export const FACTS_ALL: u32 = 7;

export const PLAN_OK: u32 = 0;
export const PLAN_NOT_IN_POLICY: u32 = 1;
export const PLAN_NOT_A_HOST_NAME: u32 = 2;
export const PLAN_TEMPORARY: u32 = 3;
export const PLAN_NO_ADDRESS: u32 = 4;
export const PLAN_ADDRESS_FAILED: u32 = 5;
export const PLAN_TLSA_FAILED: u32 = 6;
export const PLAN_DANE_REQUIRED: u32 = 7;

// ---- judge ----
export const J_VERSION: u32 = 0;
export const J_ACTION: u32 = 4;
export const J_REASON: u32 = 8;
export const J_EVALUATE: u32 = 12;
export const J_FLAGS: u32 = 16;
export const J_SESSION: u32 = 20;
export const J_TLS_VERSION: u32 = 24;
export const J_CHAIN: u32 = 28;
export const J_NAMES: u32 = 32;
export const J_HOST: u32 = 40;
export const J_SIZE: u32 = 48;
export const JUDGE_SIZE: u32 = 16; // verdict, result type, compliant, why

export const JUDGE_LAST_HOST: u32 = 1;

export const SESSION_NOT_CONNECTED: u32 = 1;
export const SESSION_NO_STARTTLS: u32 = 2;
export const SESSION_STARTTLS_REFUSED: u32 = 3;
export const SESSION_HANDSHAKE_FAILED: u32 = 4;
export const SESSION_TLS: u32 = 5;

export const CHAIN_VALID: u32 = 0;
export const CHAIN_NO_CERTIFICATE: u32 = 1;
export const CHAIN_EXPIRED: u32 = 2;
export const CHAIN_NOT_YET_VALID: u32 = 3;
export const CHAIN_UNTRUSTED: u32 = 4;
export const CHAIN_INVALID: u32 = 5;
export const CHAIN_DANE_EE: u32 = 6;
export const CHAIN_DANE_TA: u32 = 7;
export const CHAIN_DANE_NO_MATCH: u32 = 8;

export const JUDGE_DELIVER: u32 = 1;
export const JUDGE_NEXT_HOST: u32 = 2;
export const JUDGE_DEFER: u32 = 3;

export const WHY_COMPLIANT: u32 = 0;
export const WHY_NOT_IN_POLICY: u32 = 1;
export const WHY_NOT_A_HOST_NAME: u32 = 2;
export const WHY_TEMPORARY: u32 = 3;
export const WHY_NOT_CONNECTED: u32 = 4;
export const WHY_NO_STARTTLS: u32 = 5;
export const WHY_STARTTLS_REFUSED: u32 = 6;
export const WHY_HANDSHAKE_FAILED: u32 = 7;
export const WHY_TLS_VERSION: u32 = 8;
export const WHY_NO_CERTIFICATE: u32 = 9;
export const WHY_EXPIRED: u32 = 10;
export const WHY_NOT_YET_VALID: u32 = 11;
export const WHY_UNTRUSTED: u32 = 12;
export const WHY_CHAIN_INVALID: u32 = 13;
export const WHY_NAME_MISMATCH: u32 = 14;
export const WHY_DANE_NO_MATCH: u32 = 15;
export const WHY_TLSA_UNUSABLE: u32 = 16;
export const WHY_NO_ADDRESS: u32 = 17;
export const WHY_ADDRESS_FAILED: u32 = 18;
export const WHY_TLSA_FAILED: u32 = 19;
export const WHY_DANE_REQUIRED: u32 = 20;

export const TLS_1_2: u32 = 0x0303;
