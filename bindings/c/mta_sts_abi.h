/* Made by tools/abi.mjs from assembly/abi.ts and docs/abi.md; do not edit. */
#ifndef MTA_STS_ABI_H
#define MTA_STS_ABI_H

/* limit */
#define MTA_STS_ABI_MAJOR 1 /* another major version: do not use the module */
#define MTA_STS_ABI_MINOR 1 /* a module with a lower minor version than the host was written for: do not use it */
#define MTA_STS_IN_CAPACITY 196608 /* what mtasts_in_cap returns */
#define MTA_STS_OUT_CAPACITY 196608 /* what mtasts_out_cap returns */
#define MTA_STS_POLICY_LIMIT 65536 /* octets of a policy; there is no other limit on its lines */
#define MTA_STS_DOMAIN_LIMIT 253 /* octets of a domain, a pattern (with its *.), a host name */
#define MTA_STS_LABEL_LIMIT 63 /* octets of a label */
#define MTA_STS_ID_LIMIT 32 /* octets of an id */
#define MTA_STS_MAX_AGE_LIMIT 31557600 /* seconds; a larger max_age is held at it (RFC 8461 §3.2, AMB-04) */
#define MTA_STS_FRAME_VERSION 1 /* first field of every step, plan, judge and tlsa_match request */
#define MTA_STS_ABSENT 0xffffffffu /* as a length: the thing itself is absent (a response without Content-Type) */
#define MTA_STS_TLSA_LIMIT 131072 /* octets of a TLSA RRset in a request */
#define MTA_STS_TLS_1_2 771 /* 0x0303 */

/* out-field */
#define MTA_STS_OUT_STATUS 0 /* i32, the same number as the return value */
#define MTA_STS_OUT_OFFSET 4 /* for an error: where it is (below); else 0 */
#define MTA_STS_OUT_KIND 8 /* which layout the payload has */
#define MTA_STS_OUT_LENGTH 12 /* octets of payload; 0 after an error */
#define MTA_STS_OUT_HEADER 16 /* size of the header: the payload starts here */

/* kind */
#define MTA_STS_KIND_RECORD 1 /* record_select */
#define MTA_STS_KIND_POLICY 2 /* policy_parse */
#define MTA_STS_KIND_MATCH 3 /* mx_match, dnsid_match (no payload) */
#define MTA_STS_KIND_STEP 4 /* step */
#define MTA_STS_KIND_PLAN 5 /* plan */
#define MTA_STS_KIND_JUDGE 6 /* judge */
#define MTA_STS_KIND_TLSA 7 /* tlsa_usable */
#define MTA_STS_KIND_TLSA_MATCH 8 /* tlsa_match */
#define MTA_STS_KIND_TLSA_BASE 9 /* tlsa_base */

/* error */
#define MTA_STS_E_BOUNDS -1 /* the request lies outside the IN area */
#define MTA_STS_E_REQUEST -2 /* the request frame is malformed */
#define MTA_STS_E_STATE -3 /* the stored state is damaged, of another domain, or of a newer version */
#define MTA_STS_E_RECORD_SEVERAL -10 /* more than one TXT record begins with v=STSv1; */
#define MTA_STS_E_RECORD_DELIMITER -11 /* a semicolon was expected */
#define MTA_STS_E_RECORD_CHARACTER -12 /* an octet outside printable ASCII */
#define MTA_STS_E_RECORD_FIELD -13 /* a field is name=value with a name of 1 to 32 letters, digits, '_', '-', '.' */
#define MTA_STS_E_RECORD_VALUE -14 /* a field has an empty value */
#define MTA_STS_E_RECORD_ID -15 /* the id is not 1 to 32 letters and digits */
#define MTA_STS_E_RECORD_NO_ID -16 /* the record has no id */
#define MTA_STS_E_POLICY_TOO_LARGE -30 /* the policy is larger than 64 KiB */
#define MTA_STS_E_POLICY_EMPTY -31 /* the policy is empty */
#define MTA_STS_E_POLICY_LINE -32 /* a line is not name: value */
#define MTA_STS_E_POLICY_NAME -33 /* a name is not 1 to 32 letters, digits, '_', '-', '.' */
#define MTA_STS_E_POLICY_VALUE -34 /* a value is empty or holds a control character or malformed UTF-8 */
#define MTA_STS_E_POLICY_VERSION -35 /* the version is not STSv1 */
#define MTA_STS_E_POLICY_MODE -36 /* the mode is not enforce, testing or none */
#define MTA_STS_E_POLICY_MAX_AGE -37 /* max_age is not 1 to 10 digits */
#define MTA_STS_E_POLICY_MX -38 /* an mx value is not a host name, or *. and a host name */
#define MTA_STS_E_POLICY_NO_VERSION -39 /* there is no version line */
#define MTA_STS_E_POLICY_NO_MODE -40 /* there is no mode line */
#define MTA_STS_E_POLICY_NO_MAX_AGE -41 /* there is no max_age line */
#define MTA_STS_E_POLICY_NO_MX -42 /* modes enforce and testing need at least one mx line */
#define MTA_STS_E_MEDIA_TYPE -43 /* the Content-Type is not text/plain */
#define MTA_STS_E_MEDIA_TYPE_MISSING -44 /* the response has no Content-Type */
#define MTA_STS_E_PATTERN -50 /* the pattern is not a host name, or *. and a host name */

#define MTA_STS_WORDS_ERROR(X) \
  X(-1, "bounds") \
  X(-2, "request") \
  X(-3, "state") \
  X(-10, "record-several") \
  X(-11, "record-delimiter") \
  X(-12, "record-character") \
  X(-13, "record-field") \
  X(-14, "record-value") \
  X(-15, "record-id") \
  X(-16, "record-no-id") \
  X(-30, "policy-too-large") \
  X(-31, "policy-empty") \
  X(-32, "policy-line") \
  X(-33, "policy-name") \
  X(-34, "policy-value") \
  X(-35, "policy-version") \
  X(-36, "policy-mode") \
  X(-37, "policy-max-age") \
  X(-38, "policy-mx") \
  X(-39, "policy-no-version") \
  X(-40, "policy-no-mode") \
  X(-41, "policy-no-max-age") \
  X(-42, "policy-no-mx") \
  X(-43, "media-type") \
  X(-44, "media-type-missing") \
  X(-50, "pattern")

/* leniency */
#define MTA_STS_LENIENT_OUTER_BLANKS 1 /* spaces and tabs before and after the TXT record (AMB-02) */
#define MTA_STS_LENIENT_BLANK_LINES 2 /* lines of a policy with nothing but blanks (AMB-03) */
#define MTA_STS_LENIENT_BYTE_ORDER_MARK 4 /* one UTF-8 byte-order mark at the start of a policy (AMB-03) */
#define MTA_STS_LENIENT_MISSING_CONTENT_TYPE 8 /* a response without Content-Type; never one with another type (AMB-08) */
#define MTA_STS_LENIENT_ALL 15 /* every bit there is */

#define MTA_STS_WORDS_LENIENCY(X) \
  X(1, "outer-blanks") \
  X(2, "blank-lines") \
  X(4, "byte-order-mark") \
  X(8, "missing-content-type") \
  X(15, "")

/* mode */
#define MTA_STS_MODE_ABSENT 0 /* no policy is held (in a stored state; no policy text gives it) */
#define MTA_STS_MODE_ENFORCE 1
#define MTA_STS_MODE_TESTING 2
#define MTA_STS_MODE_NONE 3

#define MTA_STS_WORDS_MODE(X) \
  X(0, "") \
  X(1, "enforce") \
  X(2, "testing") \
  X(3, "none")

/* step-field */
#define MTA_STS_Q_VERSION 0 /* 1 */
#define MTA_STS_Q_EVENT 4 /* what happened */
#define MTA_STS_Q_NOW 8 /* wall clock, Unix seconds */
#define MTA_STS_Q_UPTIME 12 /* monotonic clock since boot, seconds; must go on while the machine sleeps */
#define MTA_STS_Q_UPTIME_MS 16 /* its milliseconds, 0 to 999 */
#define MTA_STS_Q_BOOT 20 /* a number that differs between boots and is the same for all processes of one */
#define MTA_STS_Q_SEED 24 /* any number; spreads refresh times */
#define MTA_STS_Q_HIGH_WATER 28 /* highest Unix second the store has seen, 0 when it is new */
#define MTA_STS_Q_FLAGS 32 /* sum of flags */
#define MTA_STS_Q_LENIENCY 36 /* leniencies that are allowed */
#define MTA_STS_Q_ON_FAILURE 40 /* what to do when discovery fails */
#define MTA_STS_Q_DOMAIN 44 /* part: the Policy Domain in A-labels, lower case, no trailing dot */
#define MTA_STS_Q_STATE 52 /* part: the state at hand; length 0 when nothing is known */
#define MTA_STS_Q_OUTCOME 60 /* event record, policy: what it came to */
#define MTA_STS_Q_TTL 64 /* event record: TTL of the RRset, or the negative TTL (RFC 2308); seconds */
#define MTA_STS_Q_SECURE 68 /* reserved; 1 when the answer was DNSSEC-secure. It never weakens anything */
#define MTA_STS_Q_DATA 72 /* part: event record, the RRset as for record_select; event policy, the body */
#define MTA_STS_Q_TYPE 80 /* part: event policy, the Content-Type; length ABSENT when there is none */
#define MTA_STS_Q_TOKEN 88 /* event policy: the flight token (48 octets) that get-policy gave out, unchanged */
#define MTA_STS_Q_SIZE 136 /* size of the fixed fields */

/* token-field */
#define MTA_STS_TOKEN_UPTIME 0 /* uptime when the GET was asked for; the policy's age counts from it */
#define MTA_STS_TOKEN_UPTIME_MS 4 /* its milliseconds */
#define MTA_STS_TOKEN_BOOT 8 /* its boot; a token of another boot is refused */
#define MTA_STS_TOKEN_ID_LENGTH 12 /* length of the id read before the GET, 0 when DNS showed none */
#define MTA_STS_TOKEN_ID 16 /* the id, zero padded to 32 octets */
#define MTA_STS_TOKEN_SIZE 48 /* size of the token */

/* event */
#define MTA_STS_EVENT_LOOKUP 1 /* mail wants to go out now */
#define MTA_STS_EVENT_RECORD 2 /* the TXT query has ended */
#define MTA_STS_EVENT_POLICY 3 /* the GET has ended */
#define MTA_STS_EVENT_DEADLINE 4 /* a caller cannot wait longer; the flight goes on */
#define MTA_STS_EVENT_REFRESH 5 /* the wake-up time has come, or an operator asks (FLAG_FORCE) */
#define MTA_STS_EVENT_RECHECK 6 /* delivery failed under enforce: is there a newer policy before mail is failed for good? */

#define MTA_STS_WORDS_EVENT(X) \
  X(1, "lookup") \
  X(2, "record") \
  X(3, "policy") \
  X(4, "deadline") \
  X(5, "refresh") \
  X(6, "recheck")

/* flag */
#define MTA_STS_FLAG_QUERY_IN_FLIGHT 1 /* a TXT query for this domain is under way (not the one this event reports) */
#define MTA_STS_FLAG_GET_IN_FLIGHT 2 /* a GET for this domain is under way (not the one this event reports) */
#define MTA_STS_FLAG_RECHECK_WAITING 4 /* a caller of EVENT_RECHECK waits for its answer */
#define MTA_STS_FLAG_PAST_LOST 8 /* stored states were lost or this one was refused: until the domain has had one definite discovery, failure is temporary */
#define MTA_STS_FLAG_STORE_UNREADABLE 16 /* the store could not be read now: whatever is no policy is temporary */
#define MTA_STS_FLAG_FORCE 32 /* event refresh: an operator asks; age and back-off do not matter */
#define MTA_STS_FLAG_ALL 63 /* every flag there is */

/* on-failure */
#define MTA_STS_ON_FAILURE_DEFER_BRIEFLY 0 /* temporary for ten minutes from the first failure, then no policy, with a notice, for a day */
#define MTA_STS_ON_FAILURE_DELIVER 1 /* no policy at once, with a notice */
#define MTA_STS_ON_FAILURE_DEFER 2 /* temporary, always */

#define MTA_STS_WORDS_ON_FAILURE(X) \
  X(0, "defer-briefly") \
  X(1, "deliver") \
  X(2, "defer")

/* record-outcome */
#define MTA_STS_RECORD_ANSWERED 1 /* Q_DATA, Q_TTL */
#define MTA_STS_RECORD_NONE 2 /* Q_TTL */
#define MTA_STS_RECORD_FAILED 3

#define MTA_STS_WORDS_RECORD_OUTCOME(X) \
  X(1, "answered") \
  X(2, "none") \
  X(3, "failed")

/* fetch-outcome */
#define MTA_STS_FETCH_OK 0 /* a response with a body */
#define MTA_STS_FETCH_DNS 1 /* the policy host has no address, or could not be resolved */
#define MTA_STS_FETCH_ADDRESS_FORBIDDEN 2 /* every address is one the host may not connect to */
#define MTA_STS_FETCH_CONNECT 3 /* no connection */
#define MTA_STS_FETCH_TLS 4 /* no TLS session */
#define MTA_STS_FETCH_CERTIFICATE 5 /* the certificate is expired, untrusted, or for another name */
#define MTA_STS_FETCH_TIMEOUT 6 /* the total deadline passed */
#define MTA_STS_FETCH_STATUS 7 /* a status other than 200 */
#define MTA_STS_FETCH_REDIRECT 8 /* a redirect */
#define MTA_STS_FETCH_TOO_LARGE 9 /* a body over the limit */
#define MTA_STS_FETCH_INCOMPLETE 10 /* a body cut short */
#define MTA_STS_FETCH_ENCODING 11 /* a Content-Encoding */
#define MTA_STS_FETCH_PROTOCOL 12 /* no valid HTTP response */
#define MTA_STS_FETCH_ABORTED 13 /* the host itself gave up; nothing was learned */

#define MTA_STS_WORDS_FETCH_OUTCOME(X) \
  X(0, "") \
  X(1, "dns") \
  X(2, "address-forbidden") \
  X(3, "connect") \
  X(4, "tls") \
  X(5, "certificate") \
  X(6, "timeout") \
  X(7, "status") \
  X(8, "redirect") \
  X(9, "too-large") \
  X(10, "incomplete") \
  X(11, "encoding") \
  X(12, "protocol") \
  X(13, "aborted")

/* effect */
#define MTA_STS_EFFECT_STATE 1 /* the state; keep it in memory for the next step of this domain */
#define MTA_STS_EFFECT_STORE 2 /* none; make the state durable (that of this step, or the one at hand), if nobody stored a newer one since it was read; else read that and step again */
#define MTA_STS_EFFECT_FORGET 3 /* none; delete the stored state, under the same condition */
#define MTA_STS_EFFECT_NOTICE 4 /* notice, result type, i32 detail, number; tell an operator */
#define MTA_STS_EFFECT_QUERY_RECORD 5 /* 1 when a caller waits, 0 in the background; query TXT, come back with event record */
#define MTA_STS_EFFECT_GET_POLICY 6 /* 1 or 0 as above, flight token; GET the policy, come back with event policy and the token */
#define MTA_STS_EFFECT_WAKE_AT 7 /* seconds from now; replace the domain's timer; event refresh then */
#define MTA_STS_EFFECT_ANSWER 8 /* below; answer every waiting caller */

#define MTA_STS_WORDS_EFFECT(X) \
  X(1, "state") \
  X(2, "store") \
  X(3, "forget") \
  X(4, "notice") \
  X(5, "query-record") \
  X(6, "get-policy") \
  X(7, "wake-at") \
  X(8, "answer")

/* size */
#define MTA_STS_EFFECT_HEADER 8 /* size of kind and size */
#define MTA_STS_MATCH_ENTRY 12 /* octets per match */
#define MTA_STS_PLAN_ENTRY 12 /* octets per host */
#define MTA_STS_JUDGE_SIZE 16 /* octets of the payload */

/* status */
#define MTA_STS_STATUS_CACHED 1 /* what is held, nothing against it */
#define MTA_STS_STATUS_FETCHED 2 /* a new policy */
#define MTA_STS_STATUS_NO_RECORD 3 /* DNS shows no MTA-STS record */
#define MTA_STS_STATUS_RECORD_INVALID 4 /* DNS shows several, or one that is malformed */
#define MTA_STS_STATUS_RECORD_FAILED 5 /* the TXT query failed */
#define MTA_STS_STATUS_FETCH_FAILED 6 /* the GET failed */
#define MTA_STS_STATUS_POLICY_INVALID 7 /* the body is no policy */
#define MTA_STS_STATUS_PENDING 8 /* the caller's deadline came first */
#define MTA_STS_STATUS_STORE_FAILED 9 /* for the host's own use; the core never gives it */

#define MTA_STS_WORDS_STATUS(X) \
  X(1, "cached") \
  X(2, "fetched") \
  X(3, "no-record") \
  X(4, "record-invalid") \
  X(5, "record-failed") \
  X(6, "fetch-failed") \
  X(7, "policy-invalid") \
  X(8, "pending") \
  X(9, "store-failed")

/* verdict */
#define MTA_STS_VERDICT_NONE 0 /* there is no policy: deliver as without MTA-STS */
#define MTA_STS_VERDICT_POLICY 1 /* honour the policy */
#define MTA_STS_VERDICT_TEMP 2 /* do not deliver now, ask again later */

#define MTA_STS_WORDS_VERDICT(X) \
  X(0, "none") \
  X(1, "policy") \
  X(2, "temp")

/* reason */
#define MTA_STS_REASON_NONE 0
#define MTA_STS_REASON_DISCOVERY_PENDING 1 /* discovery is still running */
#define MTA_STS_REASON_DISCOVERY_FAILED 2 /* discovery failed, and mail is deferred for it */
#define MTA_STS_REASON_STORE_UNAVAILABLE 3 /* the store cannot be read: there may be a policy */

#define MTA_STS_WORDS_REASON(X) \
  X(0, "") \
  X(1, "discovery-pending") \
  X(2, "discovery-failed") \
  X(3, "store-unavailable")

/* result-type */
#define MTA_STS_RESULT_NONE 0
#define MTA_STS_RESULT_STARTTLS_NOT_SUPPORTED 1
#define MTA_STS_RESULT_CERTIFICATE_HOST_MISMATCH 2
#define MTA_STS_RESULT_CERTIFICATE_EXPIRED 3
#define MTA_STS_RESULT_CERTIFICATE_NOT_TRUSTED 4
#define MTA_STS_RESULT_VALIDATION_FAILURE 5
#define MTA_STS_RESULT_TLSA_INVALID 6
#define MTA_STS_RESULT_DNSSEC_INVALID 7
#define MTA_STS_RESULT_DANE_REQUIRED 8
#define MTA_STS_RESULT_STS_POLICY_FETCH_ERROR 9
#define MTA_STS_RESULT_STS_POLICY_INVALID 10
#define MTA_STS_RESULT_STS_WEBPKI_INVALID 11

#define MTA_STS_WORDS_RESULT_TYPE(X) \
  X(0, "") \
  X(1, "starttls-not-supported") \
  X(2, "certificate-host-mismatch") \
  X(3, "certificate-expired") \
  X(4, "certificate-not-trusted") \
  X(5, "validation-failure") \
  X(6, "tlsa-invalid") \
  X(7, "dnssec-invalid") \
  X(8, "dane-required") \
  X(9, "sts-policy-fetch-error") \
  X(10, "sts-policy-invalid") \
  X(11, "sts-webpki-invalid")

/* notice */
#define MTA_STS_NOTICE_POLICY_NEW 1 /* 0, its mode */
#define MTA_STS_NOTICE_POLICY_CHANGED 2 /* old mode, new mode */
#define MTA_STS_NOTICE_POLICY_WEAKENED 3 /* old mode, new mode */
#define MTA_STS_NOTICE_POLICY_EXPIRED 4 /* 0, its age in seconds */
#define MTA_STS_NOTICE_RECORD_MISSING 5 /* 0, 0: the record of a held policy is gone */
#define MTA_STS_NOTICE_RECORD_INVALID 6 /* error code, 0 */
#define MTA_STS_NOTICE_RECORD_FAILED 7 /* 0, 0: the query failed while a policy is held */
#define MTA_STS_NOTICE_FETCH_FAILED 8 /* outcome or error code, octet of the body */
#define MTA_STS_NOTICE_POLICY_INVALID 9 /* error code, octet of the body */
#define MTA_STS_NOTICE_REFRESH_FAILING 10 /* failures in a row, per cent of max_age gone */
#define MTA_STS_NOTICE_DISCOVERY_OPEN 11 /* 0, seconds since the first failure: mail goes out without discovery */
#define MTA_STS_NOTICE_ID_CHURN 12 /* 0, 0: the id changed again, too soon to fetch */
#define MTA_STS_NOTICE_CLOCK_AHEAD 13 /* 0, seconds ahead of what was to be expected */
#define MTA_STS_NOTICE_CLOCK_BEHIND 14 /* 0, seconds behind the high-water time */
#define MTA_STS_NOTICE_LENIENCY_USED 15 /* 0, leniencies */

#define MTA_STS_WORDS_NOTICE(X) \
  X(1, "policy-new") \
  X(2, "policy-changed") \
  X(3, "policy-weakened") \
  X(4, "policy-expired") \
  X(5, "record-missing") \
  X(6, "record-invalid") \
  X(7, "record-failed") \
  X(8, "fetch-failed") \
  X(9, "policy-invalid") \
  X(10, "refresh-failing") \
  X(11, "discovery-open") \
  X(12, "id-churn") \
  X(13, "clock-ahead") \
  X(14, "clock-behind") \
  X(15, "leniency-used")

/* tlsa-field */
#define MTA_STS_USAGE_DANE_TA 2 /* an issuer of the server's certificate */
#define MTA_STS_USAGE_DANE_EE 3 /* the server's certificate */
#define MTA_STS_SELECTOR_CERTIFICATE 0 /* the whole certificate, DER */
#define MTA_STS_SELECTOR_KEY 1 /* its SubjectPublicKeyInfo, DER */
#define MTA_STS_MATCHING_FULL 0 /* the octets themselves */
#define MTA_STS_MATCHING_SHA256 1 /* their SHA-256 */
#define MTA_STS_MATCHING_SHA512 2 /* their SHA-512 */

/* dane-state */
#define MTA_STS_DANE_UNKNOWN 0 /* as an argument: not asked yet; as an answer: ask for the candidate */
#define MTA_STS_DANE_USABLE 1 /* secure records, usable ones among them */
#define MTA_STS_DANE_UNUSABLE 2 /* secure records, none of them usable */
#define MTA_STS_DANE_ABSENT 3 /* securely none */
#define MTA_STS_DANE_INSECURE 4 /* what there is, or its absence, is not authenticated: DANE does not apply */
#define MTA_STS_DANE_FAILED 5 /* the lookup failed */
#define MTA_STS_DANE_NO_ADDRESS 6 /* the host has no address */
#define MTA_STS_DANE_ADDRESS_FAILED 7 /* the address lookup failed */

#define MTA_STS_WORDS_DANE_STATE(X) \
  X(0, "unknown") \
  X(1, "usable") \
  X(2, "unusable") \
  X(3, "absent") \
  X(4, "insecure") \
  X(5, "failed") \
  X(6, "no-address") \
  X(7, "address-failed")

/* addresses */
#define MTA_STS_ADDRESS_FAILED 1 /* a lookup failed, bogus answers included */
#define MTA_STS_ADDRESS_NONE 2 /* there are none */
#define MTA_STS_ADDRESS_SECURE 3 /* no alias, authenticated */
#define MTA_STS_ADDRESS_INSECURE 4 /* no alias, not authenticated */
#define MTA_STS_ADDRESS_ALIAS_SECURE 5 /* behind an alias, authenticated throughout */
#define MTA_STS_ADDRESS_ALIAS_FIRST_SECURE 6 /* behind an alias, not authenticated, but the first CNAME is */
#define MTA_STS_ADDRESS_ALIAS_INSECURE 7 /* behind an alias that is not authenticated */

#define MTA_STS_WORDS_ADDRESSES(X) \
  X(1, "failed") \
  X(2, "none") \
  X(3, "secure") \
  X(4, "insecure") \
  X(5, "alias-secure") \
  X(6, "alias-first-secure") \
  X(7, "alias-insecure")

/* base */
#define MTA_STS_BASE_NONE 0 /* there is no base domain */
#define MTA_STS_BASE_EXPANDED 1 /* what the MX host is an alias for, to the end of the chain */
#define MTA_STS_BASE_ORIGINAL 2 /* the MX host name itself */

#define MTA_STS_WORDS_BASE(X) \
  X(0, "") \
  X(1, "expanded") \
  X(2, "original")

/* match-field */
#define MTA_STS_M_VERSION 0 /* 1 */
#define MTA_STS_M_RECORDS 4 /* part: the records, a list as for tlsa_usable */
#define MTA_STS_M_CERTIFICATES 12 /* part: the certificates in the order they were sent, each laid out as below */
#define MTA_STS_M_SIZE 20 /* size of the fixed fields */

/* certificate-field */
#define MTA_STS_PEER_CERTIFICATE_SHA256 0 /* SHA-256 of the certificate, 32 octets */
#define MTA_STS_PEER_CERTIFICATE_SHA512 32 /* SHA-512 of the certificate, 64 octets */
#define MTA_STS_PEER_KEY_SHA256 96 /* SHA-256 of its SubjectPublicKeyInfo, 32 octets */
#define MTA_STS_PEER_KEY_SHA512 128 /* SHA-512 of its SubjectPublicKeyInfo, 64 octets */
#define MTA_STS_PEER_CERTIFICATE 192 /* a number and so many octets: the certificate; then the same for its SubjectPublicKeyInfo */

/* plan-field */
#define MTA_STS_P_VERSION 0 /* 1 */
#define MTA_STS_P_VERDICT 4 /* verdict of the answer */
#define MTA_STS_P_POLICY 8 /* part: the policy text; only read for VERDICT_POLICY */
#define MTA_STS_P_LENIENCY 16 /* leniencies the policy needed */
#define MTA_STS_P_HOSTS 20 /* part: for each MX host a u16 length and its name as DNS gave it */
#define MTA_STS_P_FLAGS 28 /* what DNSSEC said (below); 0: DANE plays no part */
#define MTA_STS_P_SIZE 32 /* size of the fixed fields */

/* action */
#define MTA_STS_ACTION_PKIX 1 /* use it, with a certificate that PKIX and its name hold good */
#define MTA_STS_ACTION_DANE 2 /* use it, with a server that its TLSA records authenticate */
#define MTA_STS_ACTION_OPPORTUNISTIC 3 /* use it as without MTA-STS */
#define MTA_STS_ACTION_SKIP 4 /* do not use it: it counts as unreachable, no connection is made */
#define MTA_STS_ACTION_ENCRYPT 5 /* use it, with TLS; it cannot be authenticated */

#define MTA_STS_WORDS_ACTION(X) \
  X(1, "pkix") \
  X(2, "dane") \
  X(3, "opportunistic") \
  X(4, "skip") \
  X(5, "encrypt")

/* facts */
#define MTA_STS_FACTS_DANE 1 /* the hosts carry their DANE states */
#define MTA_STS_FACTS_MX_SECURE 2 /* the MX RRset (or its secure absence) was authenticated; else DANE is not applied (RFC 7672 §2.2.1) */
#define MTA_STS_FACTS_DANE_MANDATORY 4 /* local policy: only secure usable TLSA records will do (RFC 7672 §6) */
#define MTA_STS_FACTS_ALL 7 /* every bit there is */

/* plan-reason */
#define MTA_STS_PLAN_OK 0
#define MTA_STS_PLAN_NOT_IN_POLICY 1 /* no pattern covers it */
#define MTA_STS_PLAN_NOT_A_HOST_NAME 2 /* an address, or no name a certificate could hold */
#define MTA_STS_PLAN_TEMPORARY 3 /* the verdict is "ask again later" */
#define MTA_STS_PLAN_NO_ADDRESS 4 /* it has no address */
#define MTA_STS_PLAN_ADDRESS_FAILED 5 /* its address lookup failed */
#define MTA_STS_PLAN_TLSA_FAILED 6 /* its TLSA lookup failed: that is not "no DANE" */
#define MTA_STS_PLAN_DANE_REQUIRED 7 /* DANE is mandatory and it has no secure usable TLSA record */

#define MTA_STS_WORDS_PLAN_REASON(X) \
  X(0, "") \
  X(1, "not-in-policy") \
  X(2, "not-a-host-name") \
  X(3, "temporary") \
  X(4, "no-address") \
  X(5, "address-failed") \
  X(6, "tlsa-failed") \
  X(7, "dane-required")

/* judge-field */
#define MTA_STS_J_VERSION 0 /* 1 */
#define MTA_STS_J_ACTION 4 /* of the plan entry */
#define MTA_STS_J_REASON 8 /* of the plan entry; PLAN_OK for ACTION_PKIX */
#define MTA_STS_J_EVALUATE 12 /* of the plan entry, 0 or 1 */
#define MTA_STS_J_FLAGS 16 /* 1 (JUDGE_LAST_HOST) when there is no further MX host to try */
#define MTA_STS_J_SESSION 20 /* how far the session came */
#define MTA_STS_J_TLS_VERSION 24 /* its protocol version as on the wire; 0x0303 (TLS_1_2) is the least that passes */
#define MTA_STS_J_CHAIN 28 /* what the certificate chain is worth, apart from the name */
#define MTA_STS_J_NAMES 32 /* part: DNS-IDs of the certificate, a list as for dnsid_match */
#define MTA_STS_J_HOST 40 /* part: the MX host name; for ACTION_DANE a list of reference identities */
#define MTA_STS_J_SIZE 48 /* size of the fixed fields */

/* judge-flag */
#define MTA_STS_JUDGE_LAST_HOST 1 /* flag */

/* session */
#define MTA_STS_SESSION_NOT_CONNECTED 1 /* the host was not reached, or skipped */
#define MTA_STS_SESSION_NO_STARTTLS 2 /* STARTTLS was not offered */
#define MTA_STS_SESSION_STARTTLS_REFUSED 3 /* a reply other than 220 */
#define MTA_STS_SESSION_HANDSHAKE_FAILED 4 /* no TLS session */
#define MTA_STS_SESSION_TLS 5 /* a TLS session */

#define MTA_STS_WORDS_SESSION(X) \
  X(1, "not-connected") \
  X(2, "no-starttls") \
  X(3, "starttls-refused") \
  X(4, "handshake-failed") \
  X(5, "tls")

/* chain */
#define MTA_STS_CHAIN_VALID 0 /* in its validity period, up to a trusted root */
#define MTA_STS_CHAIN_NO_CERTIFICATE 1 /* the session has none */
#define MTA_STS_CHAIN_EXPIRED 2
#define MTA_STS_CHAIN_NOT_YET_VALID 3
#define MTA_STS_CHAIN_UNTRUSTED 4 /* self-signed, unknown root, missing intermediate */
#define MTA_STS_CHAIN_INVALID 5 /* anything else */
#define MTA_STS_CHAIN_DANE_EE 6 /* the server's certificate matches a DANE-EE record */
#define MTA_STS_CHAIN_DANE_TA 7 /* in its validity period, up to a certificate or key that a DANE-TA record names */
#define MTA_STS_CHAIN_DANE_NO_MATCH 8 /* no TLSA record matches */

#define MTA_STS_WORDS_CHAIN(X) \
  X(0, "valid") \
  X(1, "no-certificate") \
  X(2, "expired") \
  X(3, "not-yet-valid") \
  X(4, "untrusted") \
  X(5, "invalid") \
  X(6, "dane-ee") \
  X(7, "dane-ta") \
  X(8, "dane-no-match")

/* judgement */
#define MTA_STS_JUDGE_DELIVER 1 /* send the message */
#define MTA_STS_JUDGE_NEXT_HOST 2 /* leave this host and try the next one */
#define MTA_STS_JUDGE_DEFER 3 /* keep the message and retry later; before it is failed for good, event recheck */

#define MTA_STS_WORDS_JUDGEMENT(X) \
  X(1, "deliver") \
  X(2, "next-host") \
  X(3, "defer")

/* why */
#define MTA_STS_WHY_COMPLIANT 0
#define MTA_STS_WHY_NOT_IN_POLICY 1
#define MTA_STS_WHY_NOT_A_HOST_NAME 2
#define MTA_STS_WHY_TEMPORARY 3
#define MTA_STS_WHY_NOT_CONNECTED 4
#define MTA_STS_WHY_NO_STARTTLS 5
#define MTA_STS_WHY_STARTTLS_REFUSED 6
#define MTA_STS_WHY_HANDSHAKE_FAILED 7
#define MTA_STS_WHY_TLS_VERSION 8
#define MTA_STS_WHY_NO_CERTIFICATE 9
#define MTA_STS_WHY_EXPIRED 10
#define MTA_STS_WHY_NOT_YET_VALID 11
#define MTA_STS_WHY_UNTRUSTED 12
#define MTA_STS_WHY_CHAIN_INVALID 13
#define MTA_STS_WHY_NAME_MISMATCH 14
#define MTA_STS_WHY_DANE_NO_MATCH 15
#define MTA_STS_WHY_TLSA_UNUSABLE 16
#define MTA_STS_WHY_NO_ADDRESS 17
#define MTA_STS_WHY_ADDRESS_FAILED 18
#define MTA_STS_WHY_TLSA_FAILED 19
#define MTA_STS_WHY_DANE_REQUIRED 20

#define MTA_STS_WORDS_WHY(X) \
  X(0, "compliant") \
  X(1, "not-in-policy") \
  X(2, "not-a-host-name") \
  X(3, "temporary") \
  X(4, "not-connected") \
  X(5, "no-starttls") \
  X(6, "starttls-refused") \
  X(7, "handshake-failed") \
  X(8, "tls-version") \
  X(9, "no-certificate") \
  X(10, "expired") \
  X(11, "not-yet-valid") \
  X(12, "untrusted") \
  X(13, "chain-invalid") \
  X(14, "name-mismatch") \
  X(15, "dane-no-match") \
  X(16, "tlsa-unusable") \
  X(17, "no-address") \
  X(18, "address-failed") \
  X(19, "tlsa-failed") \
  X(20, "dane-required")

/* state-field */
#define MTA_STS_S_MAGIC 0 /* MSTS as octets */
#define MTA_STS_S_VERSION 4 /* 1 */
#define MTA_STS_S_LENGTH 8 /* octets of the whole state */
#define MTA_STS_S_CHECKSUM 12 /* see below */
#define MTA_STS_S_FLAGS 16 /* 1 one definite discovery was made, 2 the clock was anchored anew after a reboot, 4 discovery-open was said */
#define MTA_STS_S_ANCHOR_TIME 20 /* the state's clock: this time … */
#define MTA_STS_S_ANCHOR_UPTIME 24 /* … at this uptime … */
#define MTA_STS_S_ANCHOR_BOOT 28 /* … of this boot. Every other time is on this clock */
#define MTA_STS_S_MODE 32 /* mode of the policy, 0 when none is held */
#define MTA_STS_S_MAX_AGE 36 /* seconds */
#define MTA_STS_S_LENIENCY 40 /* leniencies it needed */
#define MTA_STS_S_FETCHED_AT 44 /* start of its GET */
#define MTA_STS_S_FETCHED_MS 48 /* milliseconds of that start */
#define MTA_STS_S_CHECKED_AT 52 /* when its id was last seen in DNS */
#define MTA_STS_S_CHECK_DUE 56 /* next look at the id */
#define MTA_STS_S_RECORD_TTL 60 /* TTL of the last answer */
#define MTA_STS_S_REFRESH_DUE 64 /* next refresh */
#define MTA_STS_S_FAILURES 68 /* failed fetches in a row */
#define MTA_STS_S_ALARM 72 /* highest alarm given: 0, 50, 75 or 90 */
#define MTA_STS_S_BACKOFF_UNTIL 76 /* end of the back-off */
#define MTA_STS_S_DNS_FAILED_AT 80 /* first failed query of the window of AMB-10, 0 for none */
#define MTA_STS_S_NEGATIVE_UNTIL 84 /* the negative may be answered until then */
#define MTA_STS_S_NEGATIVE_STATUS 88 /* its status */
#define MTA_STS_S_NEGATIVE_DETAIL 92 /* its detail */
#define MTA_STS_S_LAST_USED 96 /* last lookup, noted once a day */
#define MTA_STS_S_ID_FETCHES 100 /* five times of fetches for a changed id, newest first */
#define MTA_STS_S_ID_LENGTH 120 /* length of the id, 0 for none */
#define MTA_STS_S_BACKOFF_IDS_LENGTH 124 /* octets of fingerprints in back-off */
#define MTA_STS_S_DOMAIN_LENGTH 128 /* length of the domain */
#define MTA_STS_S_POLICY_LENGTH 132 /* length of the policy text */
#define MTA_STS_S_ID 136 /* the id of the policy, 32 octets */
#define MTA_STS_S_BACKOFF_IDS 168 /* fingerprints of the ids in back-off, up to eight u32, newest first */
#define MTA_STS_S_BACKOFF_STATUS 200 /* status of the failure that is backed off from */
#define MTA_STS_S_BACKOFF_DETAIL 204 /* its detail */
#define MTA_STS_S_HEAD 208 /* the domain, then the policy text */

#define MTA_STS_ABI_VERSION ((1 << 16) | 1)

#endif
