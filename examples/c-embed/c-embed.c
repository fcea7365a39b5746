/* c-embed: what a mail server in C does with libmta-sts, with DNS and HTTPS left to its arguments.
 *
 *   c-embed DOMAIN STATE-FILE TXT POLICY-FILE MX-HOST...
 *
 * TXT is the text of the record at _mta-sts.DOMAIN, "" for none, "servfail" for a query that failed; POLICY-FILE the body that
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt gave, "" for a GET that failed. What is learned is kept in STATE-FILE, so a
 * second run shows what a held policy does for its domain. Prints what to honour, and what to do with each MX host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mta_sts.h"

enum { MOST = 192 * 1024, MOST_HOSTS = 100 };

/* One Policy Domain, as a host keeps it: the state in memory, and the answer of the last step. */
typedef struct {
  mta_sts *core;
  const char *domain, *state_file, *txt, *policy_file;
  uint8_t state[MOST];
  size_t state_size;
  /* MTA_STS_FLAG_PAST_LOST once the state was found damaged: what it said may have been an enforce policy. */
  uint32_t flags;
  mta_sts_answer answer;
} host;

static size_t read_file(const char *path, uint8_t *into, size_t room) {
  FILE *file = *path == 0 ? NULL : fopen(path, "rb");
  if (file == NULL) return 0;
  size_t size = fread(into, 1, room, file);
  fclose(file);
  return size;
}

/* A mail server writes a new file, syncs it and renames it; see docs/abi.md on conditional writes. */
static int write_state(const host *h) {
  FILE *file = fopen(h->state_file, "wb");
  if (file == NULL) return -1;
  size_t written = fwrite(h->state, 1, h->state_size, file);
  return fclose(file) == 0 && written == h->state_size ? 0 : -1;
}

/* Linux names each boot; the number only has to differ between boots. */
static uint32_t boot_number(void) {
  uint8_t name[64];
  uint32_t hash = 2166136261u;
  size_t size = read_file("/proc/sys/kernel/random/boot_id", name, sizeof name);
  for (size_t i = 0; i < size; i++) hash = (hash ^ name[i]) * 16777619u;
  return size > 0 ? hash : (uint32_t)time(NULL);
}

static mta_sts_step_request request_of(const host *h, uint32_t event) {
  struct timespec uptime;
  clock_gettime(CLOCK_BOOTTIME, &uptime);
  mta_sts_step_request request = {
      .event = event, .now = (uint32_t)time(NULL), .boot = boot_number(), .flags = h->flags,
      .uptime_ms = (uint64_t)uptime.tv_sec * 1000 + (uint64_t)uptime.tv_nsec / 1000000,
      .domain = mta_sts_text(h->domain), .state = {h->state, h->state_size},
  };
  return request;
}

static int run(host *h, const mta_sts_step_request *request);

static int query_record(host *h) {
  uint8_t rdata[256];
  size_t size = strlen(h->txt);
  mta_sts_step_request request = request_of(h, MTA_STS_EVENT_RECORD);
  mta_sts_octets rrset = {rdata, size + 1};
  request.ttl = 300;
  request.record = size == 0 ? MTA_STS_RECORD_NONE : MTA_STS_RECORD_ANSWERED;
  if (strcmp(h->txt, "servfail") == 0) request.record = MTA_STS_RECORD_FAILED;
  if (request.record == MTA_STS_RECORD_ANSWERED) {
    if (size > 255) return -1;
    rdata[0] = (uint8_t)size;
    memcpy(rdata + 1, h->txt, size);
    request.rrset = &rrset;
    request.rrset_count = 1;
  }
  return run(h, &request);
}

static int get_policy(host *h, const uint8_t *token) {
  static uint8_t body[MTA_STS_POLICY_LIMIT + 1];
  mta_sts_step_request request = request_of(h, MTA_STS_EVENT_POLICY);
  request.token = token;
  request.body = (mta_sts_octets){body, read_file(h->policy_file, body, sizeof body)};
  request.content_type = mta_sts_text("text/plain");
  request.fetch = *h->policy_file == 0 ? MTA_STS_FETCH_CONNECT : MTA_STS_FETCH_OK;
  return run(h, &request);
}

/* One event, and what it asks for, in its order. The effects are read whole before the next call overwrites them. */
static int run(host *h, const mta_sts_step_request *request) {
  mta_sts_effect effect;
  uint8_t token[MTA_STS_TOKEN_SIZE];
  int query = 0, get = 0, more;
  int status = mta_sts_step(h->core, request);
  if (status == MTA_STS_E_STATE && h->state_size > 0) {
    /* Damaged: that is no proof that there was no policy. */
    mta_sts_step_request again = *request;
    h->state_size = 0;
    h->flags |= MTA_STS_FLAG_PAST_LOST;
    again.state.size = 0;
    again.flags = h->flags;
    return run(h, &again);
  }
  if (status < 0) return status;
  while ((more = mta_sts_next_effect(h->core, &effect)) > 0) {
    if (effect.kind == MTA_STS_EFFECT_STATE) {
      if (effect.state.size > sizeof h->state) return -1;
      memcpy(h->state, effect.state.at, effect.state.size);
      h->state_size = effect.state.size;
    }
    if (effect.kind == MTA_STS_EFFECT_STORE && write_state(h) != 0) perror(h->state_file);
    if (effect.kind == MTA_STS_EFFECT_FORGET) remove(h->state_file);
    if (effect.kind == MTA_STS_EFFECT_NOTICE) printf("notice: %s\n", mta_sts_notice_word((int32_t)effect.notice));
    if (effect.kind == MTA_STS_EFFECT_ANSWER) h->answer = effect.answer;
    query |= effect.kind == MTA_STS_EFFECT_QUERY_RECORD;
    if (effect.kind == MTA_STS_EFFECT_GET_POLICY) {
      get = 1;
      memcpy(token, effect.token, sizeof token);
    }
  }
  if (more < 0) return more;
  if (query) return query_record(h);
  return get ? get_policy(h, token) : 0;
}

static int print_plan(host *h, char **names, size_t count) {
  mta_sts_octets hosts[MOST_HOSTS];
  mta_sts_plan_entry entries[MOST_HOSTS];
  if (count > MOST_HOSTS) return -1;
  for (size_t i = 0; i < count; i++) hosts[i] = mta_sts_text(names[i]);
  mta_sts_plan_request request = {.verdict = h->answer.verdict, .used = h->answer.used, .hosts = hosts, .host_count = count};
  if (h->answer.verdict == MTA_STS_VERDICT_POLICY)
    request.policy = (mta_sts_octets){h->state + h->answer.policy_offset, h->answer.policy_size};
  int usable = mta_sts_plan(h->core, &request, entries);
  for (size_t i = 0; usable >= 0 && i < count; i++)
    printf("%s: %s %s\n", names[i], mta_sts_action_word((int32_t)entries[i].action),
           mta_sts_plan_reason_word((int32_t)entries[i].reason));
  return usable;
}

int main(int count, char **arguments) {
  static host h;
  if (count < 5) {
    fprintf(stderr, "usage: c-embed DOMAIN STATE-FILE TXT POLICY-FILE MX-HOST...\n");
    return 2;
  }
  h.core = mta_sts_new();
  h.domain = arguments[1];
  h.state_file = arguments[2];
  h.txt = arguments[3];
  h.policy_file = arguments[4];
  h.state_size = read_file(h.state_file, h.state, sizeof h.state);
  /* Until there is an answer, mail waits. */
  h.answer.verdict = MTA_STS_VERDICT_TEMP;
  mta_sts_step_request lookup = request_of(&h, MTA_STS_EVENT_LOOKUP);
  int status = h.core == NULL ? -1 : run(&h, &lookup);
  printf("%s: %s", mta_sts_verdict_word((int32_t)h.answer.verdict), mta_sts_status_word((int32_t)h.answer.status));
  if (h.answer.verdict == MTA_STS_VERDICT_POLICY) printf(", mode %s", mta_sts_mode_word((int32_t)h.answer.mode));
  printf("\n");
  if (status >= 0) status = print_plan(&h, arguments + 5, (size_t)count - 5);
  if (status < 0) fprintf(stderr, "c-embed: error %d, keep the message\n", status);
  mta_sts_free(h.core);
  return status < 0 ? 75 : 0;
}
