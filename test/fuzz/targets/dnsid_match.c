// Input: reference identity, octet 0, the list of DNS-IDs as docs/abi.md lays it out.
#include "../name-rules.h"

static bool is_named(octets names, octets host) {
  while (names.size >= 2) {
    size_t n = get16(names.at);
    names.at += 2, names.size -= 2;
    octets name = take(&names, n);
    if (covers(name, host)) return true;
  }
  return false;
}

void fuzz_one(octets input) {
  octets host = take_until_zero(&input), names = input;
  outcome o = call_pair(Z_mtastsZ_mtasts_dnsid_match, names, host, 3);
  CHECK(o.status <= 1 && o.length == 0 && (o.status >= 0 || o.status == -2));
  if (o.status == 1) CHECK(is_ldh(without_dot(host)) && is_named(names, without_dot(host)));
}
