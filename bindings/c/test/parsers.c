#include <ctype.h>
#include <string.h>

#include "runner.h"

/* Adds leniencies where the vector names them; where none was allowed none may have been used. */
static json_t *with_used(json_t *value, uint32_t used, const json_t *vector) {
  if (json_array_size(json_object_get(vector, "lenient")) == 0 && used != 0) give_up("a leniency that was not allowed", "");
  if (json_object_get(json_object_get(vector, "expect"), "leniencies") != NULL)
    json_object_set_new(value, "leniencies", leniency_words(used));
  return value;
}

json_t *run_record(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect rrset lenient ");
  const json_t *rrset = json_object_get(vector, "rrset");
  mta_sts_octets rdata[64];
  size_t count = json_array_size(rrset);
  if (count > 64) give_up("too many RRs", "");
  for (size_t i = 0; i < count; i++) rdata[i] = txt(json_array_get(rrset, i));
  mta_sts_record record;
  int status = mta_sts_select_record(core, rdata, count, leniency_of(json_object_get(vector, "lenient")), &record);
  if (status < 0) return failure(core, status);
  if (status == 0) return json_string("no-record");
  return with_used(json_pack("{s:o}", "id", text_of(record.id)), record.used, vector);
}

static json_t *lower(mta_sts_octets value) {
  char text[256];
  for (size_t i = 0; i < value.size && i < sizeof text; i++) text[i] = (char)tolower(((const unsigned char *)value.at)[i]);
  return json_stringn(text, value.size);
}

json_t *run_policy(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect body lenient ");
  mta_sts_octets body = joined(json_object_get(vector, "body"));
  mta_sts_policy policy;
  int status = mta_sts_parse_policy(core, body, leniency_of(json_object_get(vector, "lenient")), &policy);
  if (status < 0) return failure(core, status);
  json_t *mx = json_array();
  for (size_t i = 0; i < policy.mx_count; i++) json_array_append_new(mx, lower(mta_sts_policy_mx(core, body, i)));
  if (json_is_object(json_object_get(json_object_get(vector, "expect"), "mx"))) {
    json_decref(mx);
    mx = json_pack("{s:I}", "count", (json_int_t)policy.mx_count);
  }
  const char *mode = mta_sts_mode_word((int32_t)policy.mode);
  return with_used(json_pack("{s:s, s:I, s:o}", "mode", mode, "maxAge", (json_int_t)policy.max_age, "mx", mx),
                   policy.used, vector);
}

json_t *run_media_type(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect type lenient ");
  uint8_t token[MTA_STS_TOKEN_SIZE] = {0};
  token[MTA_STS_TOKEN_BOOT] = 1;
  mta_sts_step_request request = {
      .event = MTA_STS_EVENT_POLICY, .now = 2000000000, .boot = 1, .token = token,
      .leniency = leniency_of(json_object_get(vector, "lenient")), .domain = mta_sts_text("example.com"),
      .body = mta_sts_text("version: STSv1\nmode: none\nmax_age: 86400\n"),
  };
  const json_t *type = json_object_get(vector, "type");
  if (json_is_string(type)) request.content_type = chunk(type);
  mta_sts_effect effect;
  if (mta_sts_step(core, &request) < 0) give_up("step refused a media type", "");
  while (mta_sts_next_effect(core, &effect) > 0)
    if (effect.kind == MTA_STS_EFFECT_ANSWER)
      return json_string(effect.answer.status == MTA_STS_STATUS_FETCHED ? "accepted"
                                                                        : mta_sts_error_word(effect.answer.detail));
  give_up("a fetch without an answer", "");
}

json_t *run_mx(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect pattern host ");
  int status = mta_sts_match_mx(core, joined(json_object_get(vector, "pattern")), joined(json_object_get(vector, "host")));
  return status < 0 ? json_string(mta_sts_error_word(status)) : json_boolean(status == 1);
}

json_t *run_identity(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect names host ");
  const json_t *names = json_object_get(vector, "names");
  int status = mta_sts_match_dnsid(core, chunks(names), json_array_size(names), chunk(json_object_get(vector, "host")));
  return status < 0 ? json_string(mta_sts_error_word(status)) : json_boolean(status == 1);
}
