// Input: 255 and a raw request; or u16 length of the records, the records, the certificates as docs/abi.md lays them out.
#include "../harness.h"

enum { KIND = 8, FIXED = 20, DANE_EE = 3, DIGESTS = 192 };

/** The entry of a certificate; the request was accepted, so all of them are whole. */
static const uint8_t *entry_of(octets certificates, uint32_t index) {
  const uint8_t *at = certificates.at;
  while (index-- > 0) {
    at += DIGESTS;
    at += 4 + get32(at);
    at += 4 + get32(at);
    CHECK(at < certificates.at + certificates.size);
  }
  return at;
}

static bool names(const uint8_t *record, uint32_t n, const uint8_t *entry) {
  const uint8_t *certificate = entry + DIGESTS, *key = certificate + 4 + get32(certificate);
  const uint8_t *whole = record[1] == 0 ? certificate : key, *digests = entry + (record[1] == 0 ? 0 : 96);
  if (record[2] == 0) return get32(whole) == n - 3 && memcmp(whole + 4, record + 3, n - 3) == 0;
  if (record[2] == 1) return n == 35 && memcmp(digests, record + 3, 32) == 0;
  return n == 67 && memcmp(digests + 32, record + 3, 64) == 0;
}

static void check_matches(outcome o, octets request, octets certificates) {
  CHECK(o.length == 12 * (uint32_t)o.status);
  for (int32_t i = 0; i < o.status; i++) {
    const uint8_t *match = o.payload + 12 * i;
    uint32_t at = get32(match), n = get32(match + 4), index = get32(match + 8);
    CHECK(at <= request.size && n <= request.size - at && n > 3);
    const uint8_t *record = request.at + at;
    CHECK((record[0] == DANE_EE) == (index == 0));
    CHECK(names(record, n, entry_of(certificates, index)));
  }
}

void fuzz_one(octets input) {
  if (input.size != 0 && input.at[0] == 255) {
    take8(&input);
    outcome raw = call_frame(Z_mtastsZ_mtasts_tlsa_match, input, KIND);
    CHECK(raw.status >= 0 || raw.status == -2);
    return;
  }
  static uint8_t frame[REQUEST_LIMIT];
  octets records = take(&input, take16(&input)), certificates = input;
  if (records.size + certificates.size > REQUEST_LIMIT - FIXED) return;
  put32(frame, 1);
  put32(frame + 4, FIXED), put32(frame + 8, (uint32_t)records.size);
  put32(frame + 12, FIXED + (uint32_t)records.size), put32(frame + 16, (uint32_t)certificates.size);
  memcpy(frame + FIXED, records.at, records.size);
  memcpy(frame + FIXED + records.size, certificates.at, certificates.size);
  octets request = {frame, FIXED + records.size + certificates.size};
  outcome o = call_frame(Z_mtastsZ_mtasts_tlsa_match, request, KIND);
  CHECK(o.status >= 0 || o.status == -2);
  if (o.status >= 0) check_matches(o, request, (octets){frame + FIXED + records.size, certificates.size});
}
