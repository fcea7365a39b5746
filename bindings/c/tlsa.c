#include "instance.h"

static uint32_t tlsa_usable(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_tlsa_usable(module, a[0], a[1]);
}

int mta_sts_tlsa_usable(mta_sts *core, const mta_sts_octets *rrset, size_t count, uint32_t *state, mta_sts_octets *kept) {
  *state = MTA_STS_DANE_FAILED;
  mta_sts_begin(core, 0);
  mta_sts_append_list(core, rrset, count);
  const uint32_t arguments[] = {core->in_ptr, core->length};
  int status = mta_sts_call(core, tlsa_usable, arguments);
  if (status < 0) return status;
  *state = mta_sts_field(core, 0);
  for (int i = 0; i < status; i++) {
    uint32_t at = 8 + 8 * (uint32_t)i;
    kept[i] = mta_sts_requested(core, mta_sts_field(core, at), mta_sts_field(core, at + 4));
  }
  return status;
}

static uint32_t tlsa_base(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_tlsa_base(module, a[0], a[1], a[2]);
}

int mta_sts_tlsa_base(mta_sts *core, uint32_t addresses, uint32_t expanded, uint32_t original, uint32_t *state,
                      uint32_t *base) {
  *state = MTA_STS_DANE_FAILED;
  *base = MTA_STS_BASE_NONE;
  mta_sts_begin(core, 0);
  const uint32_t arguments[] = {addresses, expanded, original};
  int status = mta_sts_call(core, tlsa_base, arguments);
  if (status < 0) return status;
  *state = mta_sts_field(core, 0);
  *base = mta_sts_field(core, 4);
  return status;
}

static uint32_t tlsa_match(Z_mtasts_instance_t *module, const uint32_t *a) {
  return Z_mtastsZ_mtasts_tlsa_match(module, a[0], a[1]);
}

static void append_digest(mta_sts *core, const uint8_t *digest, size_t size) {
  mta_sts_octets octets = {digest, size};
  mta_sts_append(core, octets);
}

static void append_certificate(mta_sts *core, const mta_sts_certificate *sent) {
  append_digest(core, sent->certificate_sha256, sizeof sent->certificate_sha256);
  append_digest(core, sent->certificate_sha512, sizeof sent->certificate_sha512);
  append_digest(core, sent->key_sha256, sizeof sent->key_sha256);
  append_digest(core, sent->key_sha512, sizeof sent->key_sha512);
  mta_sts_append32(core, sent->certificate.size);
  mta_sts_append(core, sent->certificate);
  mta_sts_append32(core, sent->key.size);
  mta_sts_append(core, sent->key);
}

int mta_sts_tlsa_match(mta_sts *core, const mta_sts_octets *records, size_t count, const mta_sts_certificate *sent,
                       size_t sent_count, mta_sts_match *matches, size_t room) {
  mta_sts_begin(core, MTA_STS_M_SIZE);
  mta_sts_put(core, MTA_STS_M_VERSION, MTA_STS_FRAME_VERSION);
  uint32_t start = core->length;
  mta_sts_append_list(core, records, count);
  mta_sts_close_part(core, MTA_STS_M_RECORDS, start);
  start = core->length;
  for (size_t i = 0; i < sent_count; i++) append_certificate(core, &sent[i]);
  mta_sts_close_part(core, MTA_STS_M_CERTIFICATES, start);
  const uint32_t arguments[] = {core->in_ptr, core->length};
  int status = mta_sts_call(core, tlsa_match, arguments);
  for (size_t i = 0; status > 0 && i < (size_t)status && i < room; i++) {
    uint32_t at = (uint32_t)i * MTA_STS_MATCH_ENTRY;
    matches[i].record = mta_sts_requested(core, mta_sts_field(core, at), mta_sts_field(core, at + 4));
    matches[i].certificate = mta_sts_field(core, at + 8);
  }
  return status;
}
