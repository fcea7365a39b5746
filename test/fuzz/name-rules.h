// The rules of RFC 8461 §4.1 and RFC 9525 §6.3 once more, as plainly as C says them: what a match must at least mean.
#ifndef MTA_STS_FUZZ_NAME_RULES_H
#define MTA_STS_FUZZ_NAME_RULES_H

#include "harness.h"

static inline uint8_t folded(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

static inline bool same_name(octets a, octets b) {
  if (a.size != b.size) return false;
  for (size_t i = 0; i < a.size; i++)
    if (folded(a.at[i]) != folded(b.at[i])) return false;
  return true;
}

static inline octets without_dot(octets name) {
  if (name.size != 0 && name.at[name.size - 1] == '.') name.size--;
  return name;
}

/** Letters, digits and inner hyphens in labels of 1 to 63, 253 octets in all. */
static inline bool is_ldh(octets name) {
  size_t label = 0;
  if (name.size == 0 || name.size > 253) return false;
  for (size_t i = 0; i <= name.size; i++) {
    uint8_t c = i < name.size ? folded(name.at[i]) : '.';
    if (c == '.') {
      if (label == 0 || label > 63 || name.at[i - 1] == '-') return false;
      label = 0;
    } else {
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && label != 0))) return false;
      label++;
    }
  }
  return true;
}

/** `*.` and a name covers that name with exactly one label before it; anything else covers itself. */
static inline bool covers(octets pattern, octets host) {
  if (pattern.size < 3 || pattern.at[0] != '*' || pattern.at[1] != '.') return same_name(pattern, host);
  size_t label = 0;
  while (label < host.size && host.at[label] != '.') label++;
  if (label == 0 || label == host.size) return false;
  octets base = {pattern.at + 2, pattern.size - 2}, rest = {host.at + label + 1, host.size - label - 1};
  return same_name(base, rest);
}

#endif
