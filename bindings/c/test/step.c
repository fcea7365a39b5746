#include <stdio.h>
#include <string.h>

#include "runner.h"

enum { MOST_FLIGHTS = 64, MOST_RRS = 16 };

/* The host of one transcript. */
typedef struct {
  mta_sts *core;
  const json_t *bodies;
  mta_sts_octets state, stored;
  uint8_t tokens[MOST_FLIGHTS][MTA_STS_TOKEN_SIZE];
  size_t flights;
} player;

static double number_or(const json_t *object, const char *field, double otherwise) {
  const json_t *value = json_object_get(object, field);
  return value == NULL ? otherwise : json_number_value(value);
}

static uint32_t flags_of(const json_t *step) {
  static const struct {
    const char *word;
    uint32_t flag;
  } known[] = {{"query-in-flight", MTA_STS_FLAG_QUERY_IN_FLIGHT}, {"get-in-flight", MTA_STS_FLAG_GET_IN_FLIGHT},
               {"recheck-waiting", MTA_STS_FLAG_RECHECK_WAITING}, {"past-lost", MTA_STS_FLAG_PAST_LOST},
               {"store-unreadable", MTA_STS_FLAG_STORE_UNREADABLE}};
  uint32_t flags = json_is_true(json_object_get(step, "force")) ? MTA_STS_FLAG_FORCE : 0;
  const json_t *words = json_object_get(step, "flags");
  for (size_t i = 0; i < json_array_size(words); i++) {
    const char *word = json_string_value(json_array_get(words, i));
    uint32_t found = 0;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
      if (strcmp(known[k].word, word) == 0) found = known[k].flag;
    if (found == 0) give_up("no flag", word);
    flags |= found;
  }
  return flags;
}

static void read_record(mta_sts_step_request *request, const json_t *step, mta_sts_octets *rrset) {
  const json_t *records = json_object_get(step, "txt");
  request->ttl = (uint32_t)number_or(step, "ttl", 300);
  if (!json_is_array(records)) {
    request->record = number_of(mta_sts_record_outcome_word, text_or(step, "txt", "none"));
    if (request->record == MTA_STS_RECORD_FAILED) request->ttl = 0;
    return;
  }
  request->record = MTA_STS_RECORD_ANSWERED;
  request->rrset = rrset;
  request->rrset_count = json_array_size(records);
  if (request->rrset_count > MOST_RRS) give_up("too many RRs", "");
  for (size_t i = 0; i < request->rrset_count; i++) {
    json_t *one = json_array_get(records, i);
    json_t *strings = json_is_array(one) ? json_incref(one) : json_pack("[O]", one);
    rrset[i] = txt(strings);
    json_decref(strings);
  }
}

static void read_policy(player *p, mta_sts_step_request *request, const json_t *step) {
  size_t flight = (size_t)number_or(step, "flight", (double)p->flights);
  if (flight == 0 || flight > p->flights) give_up("no such flight", "");
  request->token = p->tokens[flight - 1];
  const char *failed = text_or(step, "failure", NULL);
  if (failed != NULL) {
    request->fetch = number_of(mta_sts_fetch_outcome_word, failed);
    return;
  }
  const json_t *type = json_object_get(step, "type");
  if (type == NULL) request->content_type = mta_sts_text("text/plain");
  if (json_is_string(type)) request->content_type = chunk(type);
  const json_t *body = json_object_get(step, "body");
  if (json_is_object(body))
    request->body = joined(json_object_get(body, "bytes"));
  else
    request->body = chunk(json_object_get(p->bodies, json_string_value(body)));
}

static void add_fields(char *line, uint32_t result_type, int32_t detail, int plain) {
  const char *result = mta_sts_result_type_word((int32_t)result_type);
  if (*result != 0) add_word(line, "result=%s", result);
  if (detail == 0) return;
  if (plain)
    add_word(line, "detail=%d", (int)detail);
  else
    add_word(line, "detail=%s", detail < 0 ? mta_sts_error_word(detail) : mta_sts_fetch_outcome_word(detail));
}

static const char *body_name(const player *p, const mta_sts_answer *answer) {
  const char *name;
  json_t *body;
  if (answer->policy_offset + answer->policy_size > p->state.size) give_up("a policy outside the state", "");
  json_object_foreach((json_t *)p->bodies, name, body) {
    if (json_string_length(body) == answer->policy_size &&
        memcmp(json_string_value(body), (const char *)p->state.at + answer->policy_offset, answer->policy_size) == 0)
      return name;
  }
  static char size[40];
  snprintf(size, sizeof size, "(%zu octets)", answer->policy_size);
  return size;
}

static void print_answer(char *line, const player *p, const mta_sts_answer *answer) {
  add_word(line, "answer %s", mta_sts_status_word((int32_t)answer->status));
  if (answer->verdict == MTA_STS_VERDICT_TEMP) {
    add_word(line, "-> temp %s", mta_sts_reason_word((int32_t)answer->reason));
  } else if (answer->verdict == MTA_STS_VERDICT_NONE) {
    add_word(line, "-> no policy reuse=%u", (unsigned)answer->reuse);
  } else {
    uint32_t left = answer->max_age > answer->age ? answer->max_age - answer->age : 0;
    add_word(line, "-> %s %s id=%.*s", mta_sts_mode_word((int32_t)answer->mode), body_name(p, answer),
             answer->id.size == 0 ? 1 : (int)answer->id.size, answer->id.size == 0 ? "-" : (const char *)answer->id.at);
    add_word(line, "age=%u/%u reuse=%u", (unsigned)answer->age, (unsigned)answer->max_age, (unsigned)answer->reuse);
    if (answer->recheck) add_word(line, "recheck");
    if (answer->expires_in != left) add_word(line, "expires-in=%u", (unsigned)answer->expires_in);
    if (answer->used != 0) {
      char words[LINE] = "";
      for (uint32_t bit = 1; bit <= answer->used; bit <<= 1)
        if (answer->used & bit)
          snprintf(words + strlen(words), LINE - strlen(words), "%s%s", *words ? "," : "", mta_sts_leniency_word((int32_t)bit));
      add_word(line, "lenient=%.400s", words);
    }
  }
  add_fields(line, answer->result_type, answer->detail, 0);
}

static void apply(char *line, player *p, const mta_sts_effect *effect) {
  const char *wait = effect->wait ? "awaited" : "background";
  switch (effect->kind) {
    case MTA_STS_EFFECT_STATE:
      p->state = copy_octets(effect->state);
      break;
    case MTA_STS_EFFECT_STORE:
      p->stored = p->state;
      break;
    case MTA_STS_EFFECT_FORGET:
      p->stored = (mta_sts_octets){NULL, 0};
      break;
    case MTA_STS_EFFECT_NOTICE:
      add_word(line, "notice %s", mta_sts_notice_word((int32_t)effect->notice));
      add_fields(line, effect->result_type, effect->detail,
                 effect->notice == MTA_STS_NOTICE_POLICY_WEAKENED || effect->notice == MTA_STS_NOTICE_POLICY_CHANGED ||
                     effect->notice == MTA_STS_NOTICE_REFRESH_FAILING);
      if (effect->number != 0) add_word(line, "number=%u", (unsigned)effect->number);
      return;
    case MTA_STS_EFFECT_QUERY_RECORD:
      add_word(line, "query-record %s", wait);
      return;
    case MTA_STS_EFFECT_GET_POLICY: {
      if (p->flights == MOST_FLIGHTS) give_up("too many flights", "");
      memcpy(p->tokens[p->flights++], effect->token, MTA_STS_TOKEN_SIZE);
      int size = effect->token[MTA_STS_TOKEN_ID_LENGTH];
      const char *id = (const char *)effect->token + MTA_STS_TOKEN_ID;
      add_word(line, "get-policy %s id=%.*s", wait, size == 0 ? 1 : size, size == 0 ? "-" : id);
      return;
    }
    case MTA_STS_EFFECT_WAKE_AT:
      add_word(line, "wake-at %u", (unsigned)effect->seconds);
      return;
    case MTA_STS_EFFECT_ANSWER:
      print_answer(line, p, &effect->answer);
      return;
    default:
      give_up("an unknown effect", "");
  }
  add_word(line, "%s", mta_sts_effect_word((int32_t)effect->kind));
}

static json_t *play(player *p, const json_t *vector, const json_t *step) {
  only_fields(step, " at clock event flags force seed txt ttl body type failure flight state why expect ");
  const char *restart = text_or(step, "state", "");
  if (*restart != 0) p->state = strcmp(restart, "nothing") == 0 ? (mta_sts_octets){NULL, 0} : p->stored;
  const json_t *clock = json_object_get(step, "clock");
  double at = number_or(step, "at", 0);
  mta_sts_octets rrset[MOST_RRS];
  mta_sts_step_request request = {
      .event = number_of(mta_sts_event_word, text_or(step, "event", "")),
      .now = (uint32_t)number_or(clock, "now", 2000000000 + number_or(clock, "wall", at)),
      .uptime_ms = (uint64_t)((1000000 + number_or(clock, "uptime", at)) * 1000 + 0.5),
      .boot = (uint32_t)number_or(clock, "boot", 1), .high_water = (uint32_t)number_or(clock, "highWater", 0),
      .seed = (uint32_t)number_or(step, "seed", 0), .flags = flags_of(step),
      .leniency = leniency_of(json_object_get(vector, "leniency")),
      .on_failure = number_of(mta_sts_on_failure_word, text_or(vector, "onDiscoveryFailure", "defer-briefly")),
      .domain = mta_sts_text(text_or(vector, "domain", "example.com")), .state = p->state,
  };
  if (request.event == MTA_STS_EVENT_RECORD) read_record(&request, step, rrset);
  if (request.event == MTA_STS_EVENT_POLICY) read_policy(p, &request, step);
  json_t *lines = json_array();
  int status = mta_sts_step(p->core, &request), more;
  if (status < 0) {
    char line[LINE] = "";
    add_word(line, "error %s at %u", mta_sts_error_word(status), (unsigned)mta_sts_error_offset(p->core));
    json_array_append_new(lines, json_string(line));
  }
  mta_sts_effect effect;
  while ((more = mta_sts_next_effect(p->core, &effect)) > 0) {
    char line[LINE] = "";
    apply(line, p, &effect);
    json_array_append_new(lines, json_string(line));
  }
  if (more < 0) give_up("effects that cannot be read", "");
  return lines;
}

json_t *run_transcript(mta_sts *core, const json_t *vector, const json_t *bodies) {
  only_fields(vector, " req name domain onDiscoveryFailure leniency steps ");
  player p = {.core = core, .bodies = bodies};
  const json_t *steps = json_object_get(vector, "steps");
  json_t *played = json_array();
  for (size_t i = 0; i < json_array_size(steps); i++)
    json_array_append_new(played, play(&p, vector, json_array_get(steps, i)));
  return played;
}
