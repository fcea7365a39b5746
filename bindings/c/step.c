#include <string.h>

#include "instance.h"

/* Longer Content-Types are cut: none of that length is text/plain. */
#define MAX_CONTENT_TYPE 1024

static void write_record(mta_sts *core, const mta_sts_step_request *request) {
  mta_sts_put(core, MTA_STS_Q_OUTCOME, request->record);
  mta_sts_put(core, MTA_STS_Q_TTL, request->ttl);
  mta_sts_put(core, MTA_STS_Q_SECURE, request->secure);
  uint32_t start = core->length;
  mta_sts_append_list(core, request->rrset, request->rrset_count);
  mta_sts_close_part(core, MTA_STS_Q_DATA, start);
}

static void write_policy(mta_sts *core, const mta_sts_step_request *request) {
  mta_sts_put(core, MTA_STS_Q_OUTCOME, request->fetch);
  if (request->token != NULL) memcpy(core->in + MTA_STS_Q_TOKEN, request->token, MTA_STS_TOKEN_SIZE);
  mta_sts_part(core, MTA_STS_Q_DATA, request->body);
  mta_sts_octets type = request->content_type;
  if (type.size > MAX_CONTENT_TYPE) type.size = MAX_CONTENT_TYPE;
  if (type.at == NULL)
    mta_sts_put(core, MTA_STS_Q_TYPE + 4, MTA_STS_ABSENT);
  else
    mta_sts_part(core, MTA_STS_Q_TYPE, type);
}

static uint32_t step(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_step(module, a[0], a[1]);
}

int mta_sts_step(mta_sts *core, const mta_sts_step_request *request) {
  mta_sts_begin(core, MTA_STS_Q_SIZE);
  mta_sts_put(core, MTA_STS_Q_VERSION, MTA_STS_FRAME_VERSION);
  mta_sts_put(core, MTA_STS_Q_EVENT, request->event);
  mta_sts_put(core, MTA_STS_Q_NOW, request->now);
  mta_sts_put(core, MTA_STS_Q_UPTIME, (uint32_t)(request->uptime_ms / 1000));
  mta_sts_put(core, MTA_STS_Q_UPTIME_MS, (uint32_t)(request->uptime_ms % 1000));
  mta_sts_put(core, MTA_STS_Q_BOOT, request->boot);
  mta_sts_put(core, MTA_STS_Q_SEED, request->seed);
  mta_sts_put(core, MTA_STS_Q_HIGH_WATER, request->high_water);
  mta_sts_put(core, MTA_STS_Q_FLAGS, request->flags);
  mta_sts_put(core, MTA_STS_Q_LENIENCY, request->leniency);
  mta_sts_put(core, MTA_STS_Q_ON_FAILURE, request->on_failure);
  mta_sts_part(core, MTA_STS_Q_DOMAIN, request->domain);
  mta_sts_part(core, MTA_STS_Q_STATE, request->state);
  if (request->event == MTA_STS_EVENT_RECORD) write_record(core, request);
  if (request->event == MTA_STS_EVENT_POLICY) write_policy(core, request);
  const uint32_t arguments[] = {core->in_ptr, core->length};
  return mta_sts_call(core, step, arguments);
}

static void read_answer(const mta_sts *core, uint32_t at, mta_sts_answer *answer) {
  answer->status = mta_sts_field(core, at);
  answer->verdict = mta_sts_field(core, at + 4);
  answer->result_type = mta_sts_field(core, at + 8);
  answer->reason = mta_sts_field(core, at + 12);
  answer->detail = (int32_t)mta_sts_field(core, at + 16);
  answer->reuse = mta_sts_field(core, at + 36);
  answer->recheck = mta_sts_field(core, at + 40);
  if (answer->verdict != MTA_STS_VERDICT_POLICY) return;
  answer->mode = mta_sts_field(core, at + 20);
  answer->max_age = mta_sts_field(core, at + 24);
  answer->age = mta_sts_field(core, at + 28);
  answer->expires_in = mta_sts_field(core, at + 32);
  answer->used = mta_sts_field(core, at + 44);
  answer->policy_offset = mta_sts_field(core, at + 48);
  answer->policy_size = mta_sts_field(core, at + 52);
  answer->id_age = mta_sts_field(core, at + 56);
  answer->id = mta_sts_payload(core, at + 64, mta_sts_field(core, at + 60));
}

int mta_sts_next_effect(mta_sts *core, mta_sts_effect *effect) {
  uint32_t at = core->next_effect;
  uint32_t end = mta_sts_payload_size(core);
  memset(effect, 0, sizeof *effect);
  if (at >= end) return 0;
  uint32_t size = mta_sts_field(core, at + 4);
  if (size < MTA_STS_EFFECT_HEADER || size > end - at) return MTA_STS_UNKNOWN;
  uint32_t fields = at + MTA_STS_EFFECT_HEADER;
  core->next_effect = at + size;
  effect->kind = mta_sts_field(core, at);
  switch (effect->kind) {
    case MTA_STS_EFFECT_STATE:
      effect->state = mta_sts_payload(core, fields, size - MTA_STS_EFFECT_HEADER);
      return 1;
    case MTA_STS_EFFECT_STORE:
    case MTA_STS_EFFECT_FORGET:
      return 1;
    case MTA_STS_EFFECT_NOTICE:
      effect->notice = mta_sts_field(core, fields);
      effect->result_type = mta_sts_field(core, fields + 4);
      effect->detail = (int32_t)mta_sts_field(core, fields + 8);
      effect->number = mta_sts_field(core, fields + 12);
      return 1;
    case MTA_STS_EFFECT_GET_POLICY:
      memcpy(effect->token, mta_sts_payload(core, fields + 4, MTA_STS_TOKEN_SIZE).at, MTA_STS_TOKEN_SIZE);
      effect->wait = mta_sts_field(core, fields);
      return 1;
    case MTA_STS_EFFECT_QUERY_RECORD:
      effect->wait = mta_sts_field(core, fields);
      return 1;
    case MTA_STS_EFFECT_WAKE_AT:
      effect->seconds = mta_sts_field(core, fields);
      return 1;
    case MTA_STS_EFFECT_ANSWER:
      read_answer(core, fields, &effect->answer);
      return 1;
    default:
      return MTA_STS_UNKNOWN;
  }
}
