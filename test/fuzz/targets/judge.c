// Input: 255 and a raw request; or action, reason, evaluate, flags, session, TLS version, chain (an octet each), host,
// octet 0, the list of DNS-IDs.
#include "../harness.h"

enum { PKIX = 1, TLS = 5, DELIVER = 1 };

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
  memcpy(frame + 48 + names.size, host.at, host.size);
  octets request = {frame, 48 + names.size + host.size};
  outcome o = call_frame(Z_mtastsZ_mtasts_judge, request, 6);
  if (o.status < 0) return;
  check_verdict(o);
  // Under enforce nothing is delivered without TLS >= 1.2, a valid chain and a certificate that names the host.
  if (facts[0] != PKIX || o.status != DELIVER) return;
  CHECK(facts[4] == TLS && facts[5] >= 0x303 && facts[6] == 0 && get32(o.payload + 12) == 0);
  CHECK(quick_pair(Z_mtastsZ_mtasts_dnsid_match, names, host).status == 1);
}
