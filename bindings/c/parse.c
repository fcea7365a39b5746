#include "instance.h"

static uint32_t record_select(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_record_select(module, a[0], a[1], a[2]);
}

int mta_sts_select_record(mta_sts *core, const mta_sts_octets *rrset, size_t count, uint32_t leniency,
                          mta_sts_record *record) {
  mta_sts_begin(core, 0);
  mta_sts_append_list(core, rrset, count);
  const uint32_t arguments[] = {core->in_ptr, core->length, leniency};
  int status = mta_sts_call(core, record_select, arguments);
  if (status <= 0) return status;
  record->used = mta_sts_field(core, 0);
  record->id = mta_sts_payload(core, 8, mta_sts_field(core, 4));
  return status;
}

static uint32_t policy_parse(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_policy_parse(module, a[0], a[1], a[2]);
}

int mta_sts_parse_policy(mta_sts *core, mta_sts_octets body, uint32_t leniency, mta_sts_policy *policy) {
  mta_sts_begin(core, 0);
  mta_sts_append(core, body);
  const uint32_t arguments[] = {core->in_ptr, core->length, leniency};
  int status = mta_sts_call(core, policy_parse, arguments);
  if (status == MTA_STS_TOO_LARGE) {
    mta_sts_put32(core->out + MTA_STS_OUT_OFFSET, MTA_STS_POLICY_LIMIT);
    return MTA_STS_E_POLICY_TOO_LARGE;
  }
  if (status <= 0) return status;
  policy->mode = mta_sts_field(core, 0);
  policy->max_age = mta_sts_field(core, 4);
  policy->used = mta_sts_field(core, 8);
  policy->mx_count = mta_sts_field(core, 12);
  return status;
}

mta_sts_octets mta_sts_policy_mx(const mta_sts *core, mta_sts_octets body, size_t number) {
  uint32_t entry = 16 + 8 * (uint32_t)number;
  mta_sts_octets value = {(const uint8_t *)body.at + mta_sts_field(core, entry), mta_sts_field(core, entry + 4)};
  return value;
}

static uint32_t mx_match(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_mx_match(module, a[0], a[1], a[2], a[3]);
}

static uint32_t dnsid_match(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_dnsid_match(module, a[0], a[1], a[2], a[3]);
}

/* Appends the host behind what is compared with it. */
static int match(mta_sts *core, mta_sts_export *function, mta_sts_octets host) {
  uint32_t first = core->length;
  mta_sts_append(core, host);
  const uint32_t arguments[] = {core->in_ptr, first, core->in_ptr + first, core->length - first};
  return mta_sts_call(core, function, arguments);
}

int mta_sts_match_mx(mta_sts *core, mta_sts_octets pattern, mta_sts_octets host) {
  mta_sts_begin(core, 0);
  mta_sts_append(core, pattern);
  return match(core, mx_match, host);
}

int mta_sts_match_dnsid(mta_sts *core, const mta_sts_octets *names, size_t count, mta_sts_octets host) {
  mta_sts_begin(core, 0);
  mta_sts_append_list(core, names, count);
  return match(core, dnsid_match, host);
}
