// Input: pattern, octet 0, host.
#include "../name-rules.h"

void fuzz_one(octets input) {
  octets pattern = take_until_zero(&input), host = input;
  outcome o = call_pair(Z_mtastsZ_mtasts_mx_match, pattern, host, 3);
  CHECK(o.status <= 1 && o.length == 0 && (o.status >= 0 || o.status == -50));
  octets name = without_dot(host);
  if (o.status == 1) CHECK(is_ldh(name) && covers(pattern, name));
  if (o.status != 0 || !is_ldh(name) || name.size == 0) return;
  // No match of two well-formed names must have a reason: not covered, or an address in disguise.
  uint8_t last = name.at[name.size - 1];
  if (last < '0' || last > '9') CHECK(!covers(pattern, name));
}
