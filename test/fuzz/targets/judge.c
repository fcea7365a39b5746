// Input: 255 and a raw request; or action, reason, evaluate, flags, session, TLS version, chain (an octet each), host,
// octet 0, the list of DNS-IDs. For a DANE host the host becomes a list of one.
#include "../harness.h"

enum { PKIX = 1, DANE = 2, ENCRYPT = 5, TLS = 5, DELIVER = 1, DANE_EE = 6, DANE_TA = 7 };

static void check_verdict(outcome o) {
  CHECK(o.status >= 1 && o.status <= 3 && o.length == 16);
  CHECK(get32(o.payload) == (uint32_t)o.status && get32(o.payload + 4) <= 11);
  CHECK((get32(o.payload + 8) == 1) == (get32(o.payload + 12) == 0));
}

void fuzz_one(octets input) {
  if (input.size != 0 && input.at[0] == 255) {
    take8(&input);
    outcome raw = call_frame(Z_mtastsZ_mtasts_judge, input, 6);
    if (raw.status >= 0) check_verdict(raw);
    return;
  }
  static uint8_t frame[REQUEST_LIMIT];
  uint32_t facts[7];
  for (int i = 0; i < 7; i++) facts[i] = take8(&input);
  facts[5] |= facts[5] < 16 ? 0x300 : 0;
  octets host = take_until_zero(&input), names = input;
  if (names.size + host.size > REQUEST_LIMIT - 48) return;
  put32(frame, 1);
  for (int i = 0; i < 7; i++) put32(frame + 4 + 4 * i, facts[i]);
  put32(frame + 32, 48), put32(frame + 36, (uint32_t)names.size);
  put32(frame + 40, 48 + (uint32_t)names.size), put32(frame + 44, (uint32_t)host.size);
  memcpy(frame + 48, names.at, names.size);
  size_t prefix = facts[0] == DANE && host.size <= 0xffff ? 2 : 0;
  if (48 + names.size + prefix + host.size > REQUEST_LIMIT) return;
  uint8_t *at = frame + 48 + names.size;
  if (prefix != 0) at[0] = (uint8_t)host.size, at[1] = (uint8_t)(host.size >> 8), put32(frame + 44, 2 + (uint32_t)host.size);
  memcpy(at + prefix, host.at, host.size);
  octets request = {frame, 48 + names.size + prefix + host.size};
  outcome o = call_frame(Z_mtastsZ_mtasts_judge, request, 6);
  if (o.status < 0) return;
  check_verdict(o);
  // Under enforce nothing is delivered without TLS >= 1.2, a valid chain and a certificate that names the host.
  if (o.status != DELIVER) return;
  if (facts[0] == ENCRYPT) CHECK(facts[4] == TLS && facts[5] >= 0x303);
  if (facts[0] == DANE)
    CHECK(facts[4] == TLS && facts[5] >= 0x303 && (facts[6] == DANE_EE || facts[6] == DANE_TA) && get32(o.payload + 12) == 0);
  if (facts[0] == DANE && facts[6] == DANE_TA) CHECK(quick_pair(Z_mtastsZ_mtasts_dnsid_match, names, host).status == 1);
  if (facts[0] != PKIX) return;
  CHECK(facts[4] == TLS && facts[5] >= 0x303 && facts[6] == 0 && get32(o.payload + 12) == 0);
  CHECK(quick_pair(Z_mtastsZ_mtasts_dnsid_match, names, host).status == 1);
}
