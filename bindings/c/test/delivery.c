#include <stdio.h>
#include <string.h>

#include "runner.h"

enum { MOST_HOSTS = 20000 };

static uint32_t verdict_of(const json_t *verdict) {
  if (json_is_integer(verdict)) return (uint32_t)json_integer_value(verdict);
  return number_of(mta_sts_verdict_word, json_string_value(verdict));
}

/* "pkix evaluate": action, reason if any, evaluate. */
static json_t *print_entry(const mta_sts_plan_entry *entry) {
  char line[LINE] = "";
  add_word(line, "%s", mta_sts_action_word((int32_t)entry->action));
  add_word(line, "%s", mta_sts_plan_reason_word((int32_t)entry->reason));
  add_word(line, "%s", entry->evaluate ? "evaluate" : "");
  return json_string(line);
}

static uint32_t read_facts(const json_t *dane, uint32_t *states) {
  if (dane == NULL) return 0;
  only_fields(dane, " mx mandatory states ");
  const json_t *words = json_object_get(dane, "states");
  for (size_t i = 0; i < json_array_size(words); i++)
    states[i] = number_of(mta_sts_dane_state_word, json_string_value(json_array_get(words, i)));
  uint32_t facts = MTA_STS_FACTS_DANE;
  if (strcmp(text_or(dane, "mx", ""), "secure") == 0) facts |= MTA_STS_FACTS_MX_SECURE;
  if (json_is_true(json_object_get(dane, "mandatory"))) facts |= MTA_STS_FACTS_DANE_MANDATORY;
  return facts;
}

json_t *run_plan(mta_sts *core, const json_t *vector) {
  static mta_sts_plan_entry entries[MOST_HOSTS];
  static uint32_t states[MOST_HOSTS];
  only_fields(vector, " req name expect verdict policy lenient hosts dane ");
  const json_t *hosts = json_object_get(vector, "hosts"), *dane = json_object_get(vector, "dane");
  size_t count = json_array_size(hosts);
  if (count > MOST_HOSTS) give_up("too many hosts", "");
  mta_sts_plan_request request = {
      .verdict = verdict_of(json_object_get(vector, "verdict")), .policy = joined(json_object_get(vector, "policy")),
      .used = leniency_of(json_object_get(vector, "lenient")), .hosts = chunks(hosts), .host_count = count,
      .facts = read_facts(dane, states), .dane_states = states,
      .dane_state_count = json_array_size(json_object_get(dane, "states")),
  };
  int status = mta_sts_plan(core, &request, entries);
  if (status < 0) return failure(core, status);
  json_t *lines = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(lines, print_entry(&entries[i]));
  return json_pack("{s:i, s:o}", "usable", status, "hosts", lines);
}

static mta_sts_plan_entry read_entry(const char *text) {
  mta_sts_plan_entry entry = {0};
  char copy[LINE], *rest = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  entry.action = number_of(mta_sts_action_word, strtok_r(copy, " ", &rest));
  for (char *word = strtok_r(NULL, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
    if (strcmp(word, "evaluate") == 0)
      entry.evaluate = 1;
    else
      entry.reason = number_of(mta_sts_plan_reason_word, word);
  }
  return entry;
}

static uint32_t tls_version(const char *text) {
  static const struct {
    const char *text;
    uint32_t number;
  } versions[] = {{"none", 0}, {"SSL 3", 0x300}, {"1.0", 0x301}, {"1.1", 0x302}, {"1.2", 0x303}, {"1.3", 0x304}};
  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
    if (strcmp(versions[i].text, text) == 0) return versions[i].number;
  give_up("no TLS version", text);
}

json_t *run_judge(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect entry session tls chain names references host last ");
  const char *session = text_or(vector, "session", "");
  mta_sts_octets usual = mta_sts_text("mx1.example.com");
  const json_t *names = json_object_get(vector, "names"), *references = json_object_get(vector, "references");
  mta_sts_judge_request request = {
      .entry = read_entry(text_or(vector, "entry", "")), .host = mta_sts_text(text_or(vector, "host", "mx1.example.com")),
      .session = number_of(mta_sts_session_word, session),
      .tls_version = tls_version(text_or(vector, "tls", strcmp(session, "tls") == 0 ? "1.3" : "none")),
      .chain = number_of(mta_sts_chain_word, text_or(vector, "chain", "valid")),
      .last = json_is_true(json_object_get(vector, "last")),
      .names = names == NULL ? &usual : chunks(names), .name_count = names == NULL ? 1 : json_array_size(names),
      .references = references == NULL ? NULL : chunks(references), .reference_count = json_array_size(references),
  };
  mta_sts_judgement judged;
  int status = mta_sts_judge(core, &request, &judged);
  if (status < 0) return failure(core, status);
  char line[LINE] = "";
  const char *type = mta_sts_result_type_word((int32_t)judged.result_type);
  add_word(line, "%s: %s", mta_sts_judgement_word((int32_t)judged.verdict), mta_sts_why_word((int32_t)judged.why));
  if (*type != 0) add_word(line, "(%s)", type);
  return json_string(line);
}
