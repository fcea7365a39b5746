/* mta-sts-engine for C: MTA-STS (RFC 8461) and DANE (RFC 7672) as decisions. It does no I/O and keeps no clock: you bring
 * DNS answers, HTTP responses and sessions, and carry out what mta_sts_step asks for. docs/abi.md explains every number.
 *
 * One mta_sts serves one thread at a time; make as many as you like. What a call gives points into it or into what you
 * passed, and holds until the next call with the same mta_sts: copy what you keep, the state above all. */
#ifndef MTA_STS_H
#define MTA_STS_H

#include <stddef.h>
#include <stdint.h>

#include "mta_sts_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mta_sts mta_sts;

/* Octets that belong to somebody else; text is not terminated by 0. */
typedef struct {
  const void *at;
  size_t size;
} mta_sts_octets;

/* Text up to its terminating 0. */
mta_sts_octets mta_sts_text(const char *text);

/* Beside the codes MTA_STS_E_..., every call may return these. None of them decides anything: treat them as "temporary". */
enum {
  MTA_STS_TOO_LARGE = -1001, /* the request does not fit the IN area */
  MTA_STS_TRAPPED = -1002,   /* a bug of the module: it was made anew, report it */
  MTA_STS_UNKNOWN = -1003    /* the module gave an effect that this library does not know */
};

/* NULL when there is no memory, or when the module inside is not of the version of this header. About 600 KiB each. */
mta_sts *mta_sts_new(void);
void mta_sts_free(mta_sts *core);

/* After an error: the octet at which reading stopped (docs/abi.md says of what). */
uint32_t mta_sts_error_offset(const mta_sts *core);

/* ---- parsers and matchers. > 0: yes or valid, 0: no or none, < 0: an error ---- */

typedef struct {
  mta_sts_octets id;
  uint32_t used; /* leniencies that were needed */
} mta_sts_record;

/* rrset: RDATA of each TXT RR; RRs with equal RDATA once. 1: record has an id. 0: there is no MTA-STS record. */
int mta_sts_select_record(mta_sts *core, const mta_sts_octets *rrset, size_t count, uint32_t leniency,
                          mta_sts_record *record);

typedef struct {
  uint32_t mode;    /* MTA_STS_MODE_... */
  uint32_t max_age; /* seconds */
  uint32_t used;
  size_t mx_count;
} mta_sts_policy;

int mta_sts_parse_policy(mta_sts *core, mta_sts_octets body, uint32_t leniency, mta_sts_policy *policy);
/* The mx value of this number, from 0, of the body that mta_sts_parse_policy was just given: as written there. */
mta_sts_octets mta_sts_policy_mx(const mta_sts *core, mta_sts_octets body, size_t number);

int mta_sts_match_mx(mta_sts *core, mta_sts_octets pattern, mta_sts_octets host);
/* names: the DNS-IDs of a certificate, never its common name. */
int mta_sts_match_dnsid(mta_sts *core, const mta_sts_octets *names, size_t count, mta_sts_octets host);

/* ---- the cache: one event of one Policy Domain ---- */

typedef struct {
  uint32_t event;       /* MTA_STS_EVENT_... */
  uint32_t now;         /* Unix seconds */
  uint64_t uptime_ms;   /* a monotonic clock since boot that goes on while the machine sleeps */
  uint32_t boot;        /* differs between boots, the same for all processes of one */
  uint32_t seed;        /* any number; spreads refresh times */
  uint32_t high_water;  /* highest Unix second the store has seen */
  uint32_t flags;       /* MTA_STS_FLAG_... */
  uint32_t leniency;    /* what is allowed */
  uint32_t on_failure;  /* MTA_STS_ON_FAILURE_... */
  mta_sts_octets domain; /* A-labels, lower case, no trailing dot */
  mta_sts_octets state;  /* as the last effect "state" or the store gave it; empty when nothing is known */
  /* event record: MTA_STS_RECORD_..., RDATA of each TXT RR, TTL or negative TTL */
  uint32_t record;
  const mta_sts_octets *rrset;
  size_t rrset_count;
  uint32_t ttl;
  uint32_t secure;
  /* event policy: MTA_STS_FETCH_..., the body, the Content-Type (at NULL: absent), the token of the effect get-policy */
  uint32_t fetch;
  mta_sts_octets body;
  mta_sts_octets content_type;
  const uint8_t *token;
} mta_sts_step_request;

/* What a lookup learned (status) and, apart from it, what to honour (verdict). Times are seconds. */
typedef struct {
  uint32_t status, verdict, result_type, reason;
  int32_t detail;
  uint32_t reuse, recheck;
  /* for MTA_STS_VERDICT_POLICY only */
  uint32_t mode, max_age, age, expires_in, used, id_age;
  mta_sts_octets id;
  size_t policy_offset, policy_size; /* of the policy text in the state that holds after the step */
} mta_sts_answer;

typedef struct {
  uint32_t kind; /* MTA_STS_EFFECT_... */
  mta_sts_octets state;
  uint32_t wait; /* query-record, get-policy: a caller waits */
  uint8_t token[MTA_STS_TOKEN_SIZE];
  uint32_t seconds; /* wake-at */
  uint32_t notice, result_type, number;
  int32_t detail;
  mta_sts_answer answer;
} mta_sts_effect;

/* The number of effects, or an error. After MTA_STS_E_STATE: call again without the state, with MTA_STS_FLAG_PAST_LOST. */
int mta_sts_step(mta_sts *core, const mta_sts_step_request *request);
/* The effects of the last step, one after another. 1: here is one. 0: that was all. < 0: MTA_STS_UNKNOWN. */
int mta_sts_next_effect(mta_sts *core, mta_sts_effect *effect);

/* ---- delivery ---- */

typedef struct {
  uint32_t verdict;
  mta_sts_octets policy; /* the policy text, for MTA_STS_VERDICT_POLICY */
  uint32_t used;
  const mta_sts_octets *hosts; /* in MX order; without an MX RRset the Policy Domain itself */
  size_t host_count;
  uint32_t facts;             /* MTA_STS_FACTS_..., 0: DANE plays no part */
  const uint32_t *dane_states; /* with MTA_STS_FACTS_DANE: one for each host, or the request is refused */
  size_t dane_state_count;
} mta_sts_plan_request;

typedef struct {
  uint32_t action, reason, evaluate;
} mta_sts_plan_entry;

/* entries has room for one per host. Returns the number of usable hosts, or an error: never treat that as "no policy". */
int mta_sts_plan(mta_sts *core, const mta_sts_plan_request *request, mta_sts_plan_entry *entries);

typedef struct {
  mta_sts_plan_entry entry;
  mta_sts_octets host;
  uint32_t session;     /* MTA_STS_SESSION_... */
  uint32_t tls_version; /* as on the wire, 0x0303 for TLS 1.2 */
  uint32_t chain;       /* MTA_STS_CHAIN_... */
  uint32_t last;        /* 1: there is no further MX host to try */
  const mta_sts_octets *names; /* DNS-IDs of the certificate */
  size_t name_count;
  const mta_sts_octets *references; /* of a DANE-TA match; NULL: the host alone */
  size_t reference_count;
} mta_sts_judge_request;

typedef struct {
  uint32_t verdict, result_type, compliant, why;
} mta_sts_judgement;

/* MTA_STS_JUDGE_..., or an error: then defer. */
int mta_sts_judge(mta_sts *core, const mta_sts_judge_request *request, mta_sts_judgement *judgement);

/* ---- TLSA ---- */

/* kept has room for one per record. The number of records that remain; state is MTA_STS_DANE_... */
int mta_sts_tlsa_usable(mta_sts *core, const mta_sts_octets *rrset, size_t count, uint32_t *state, mta_sts_octets *kept);

/* Where the records of an MX host stand. state MTA_STS_DANE_UNKNOWN: ask for the candidate base (MTA_STS_BASE_...). */
int mta_sts_tlsa_base(mta_sts *core, uint32_t addresses, uint32_t expanded, uint32_t original, uint32_t *state,
                      uint32_t *base);

/* A certificate that a server sent, its SubjectPublicKeyInfo (DER), and their digests. */
typedef struct {
  mta_sts_octets certificate, key;
  uint8_t certificate_sha256[32], certificate_sha512[64], key_sha256[32], key_sha512[64];
} mta_sts_certificate;

typedef struct {
  mta_sts_octets record;
  uint32_t certificate; /* from 0, the server's own */
} mta_sts_match;

/* The number of matches; as many as there is room for are written. */
int mta_sts_tlsa_match(mta_sts *core, const mta_sts_octets *records, size_t count, const mta_sts_certificate *sent,
                       size_t sent_count, mta_sts_match *matches, size_t room);

/* ---- words of logs and JSON; "" where a number has none ---- */

const char *mta_sts_error_word(int32_t number);
const char *mta_sts_mode_word(int32_t number);
const char *mta_sts_status_word(int32_t number);
const char *mta_sts_verdict_word(int32_t number);
const char *mta_sts_reason_word(int32_t number);
const char *mta_sts_result_type_word(int32_t number);
const char *mta_sts_notice_word(int32_t number);
const char *mta_sts_event_word(int32_t number);
const char *mta_sts_effect_word(int32_t number);
const char *mta_sts_on_failure_word(int32_t number);
const char *mta_sts_record_outcome_word(int32_t number);
const char *mta_sts_fetch_outcome_word(int32_t number);
const char *mta_sts_action_word(int32_t number);
const char *mta_sts_plan_reason_word(int32_t number);
const char *mta_sts_session_word(int32_t number);
const char *mta_sts_chain_word(int32_t number);
const char *mta_sts_judgement_word(int32_t number);
const char *mta_sts_why_word(int32_t number);
const char *mta_sts_leniency_word(int32_t number);
const char *mta_sts_dane_state_word(int32_t number);
const char *mta_sts_addresses_word(int32_t number);
const char *mta_sts_base_word(int32_t number);

#ifdef __cplusplus
}
#endif

#endif
