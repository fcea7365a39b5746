#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

enum { MOST = 64 };

/* A DER SEQUENCE around a text. */
static mta_sts_octets sequence(const char *text) {
  char der[130];
  size_t size = strlen(text);
  if (size > 127) give_up("a name too long", text);
  der[0] = 0x30;
  der[1] = (char)size;
  memcpy(der + 2, text, size);
  return copy_octets((mta_sts_octets){der, size + 2});
}

/* The certificate of a name; its key is that of the last part of the name. */
static mta_sts_certificate peer(const char *name) {
  char key[128];
  const char *slash = strrchr(name, '/');
  snprintf(key, sizeof key, "key of %s", slash == NULL ? name : slash + 1);
  mta_sts_certificate sent = {.certificate = sequence(name), .key = sequence(key)};
  SHA256(sent.certificate.at, sent.certificate.size, sent.certificate_sha256);
  SHA512(sent.certificate.at, sent.certificate.size, sent.certificate_sha512);
  SHA256(sent.key.at, sent.key.size, sent.key_sha256);
  SHA512(sent.key.at, sent.key.size, sent.key_sha512);
  return sent;
}

static mta_sts_octets association(unsigned selector, unsigned matching, const char *name) {
  mta_sts_certificate sent = peer(name);
  if (matching == 0) return selector == 0 ? sent.certificate : sent.key;
  if (matching == 1) return copy_octets((mta_sts_octets){selector == 0 ? sent.certificate_sha256 : sent.key_sha256, 32});
  return copy_octets((mta_sts_octets){selector == 0 ? sent.certificate_sha512 : sent.key_sha512, 64});
}

static mta_sts_octets rdata(unsigned usage, unsigned selector, unsigned matching, mta_sts_octets data) {
  uint8_t whole[4096] = {(uint8_t)usage, (uint8_t)selector, (uint8_t)matching};
  if (data.size > sizeof whole - 3) give_up("a TLSA record too long", "");
  memcpy(whole + 3, data.at, data.size);
  return copy_octets((mta_sts_octets){whole, data.size + 3});
}

/* "3 1 1 leaf", or "short 3 1 1 leaf" without the last octet. */
static mta_sts_octets from_text(const char *text) {
  unsigned numbers[3];
  char name[100];
  const char *start = strncmp(text, "short ", 6) == 0 ? text + 6 : text;
  if (sscanf(start, "%u %u %u %99s", &numbers[0], &numbers[1], &numbers[2], name) != 4) give_up("no TLSA record", text);
  mta_sts_octets record = rdata(numbers[0], numbers[1], numbers[2], association(numbers[1], numbers[2], name));
  if (start != text) record.size--;
  return record;
}

static mta_sts_octets record_of(const json_t *value) {
  if (json_is_string(value)) return from_text(json_string_value(value));
  if (json_is_object(value)) return chunk(json_object_get(value, "rdata"));
  unsigned numbers[3];
  for (size_t i = 0; i < 3; i++) numbers[i] = (unsigned)json_integer_value(json_array_get(value, i));
  mta_sts_octets data = chunk(json_array_get(value, 3));
  size_t size = data.size + 3;
  uint8_t *whole = malloc(size);
  if (whole == NULL) give_up("no memory", "");
  for (size_t i = 0; i < 3; i++) whole[i] = (uint8_t)numbers[i];
  if (data.size > 0) memcpy(whole + 3, data.at, data.size);
  mta_sts_octets record = copy_octets((mta_sts_octets){whole, size});
  free(whole);
  return record;
}

static size_t records_of(const json_t *vector, mta_sts_octets *records) {
  const json_t *list = json_object_get(vector, "records");
  size_t count = json_array_size(list);
  if (count > MOST) give_up("too many records", "");
  for (size_t i = 0; i < count; i++) records[i] = record_of(json_array_get(list, i));
  return count;
}

static size_t index_of(const mta_sts_octets *list, size_t count, mta_sts_octets wanted) {
  for (size_t i = 0; i < count; i++)
    if (list[i].size == wanted.size && memcmp(list[i].at, wanted.at, wanted.size) == 0) return i;
  give_up("a record that was not given", "");
}

json_t *run_tlsa(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect records ");
  mta_sts_octets records[MOST], kept[MOST];
  size_t count = records_of(vector, records);
  uint32_t state;
  int status = mta_sts_tlsa_usable(core, records, count, &state, kept);
  if (status < 0) return failure(core, status);
  json_t *remain = json_array();
  for (int i = 0; i < status; i++) json_array_append_new(remain, json_integer((json_int_t)index_of(records, count, kept[i])));
  return json_pack("{s:s, s:o}", "state", mta_sts_dane_state_word((int32_t)state), "remain", remain);
}

json_t *run_tlsa_base(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect addresses expanded original ");
  uint32_t state, base;
  int status = mta_sts_tlsa_base(core, number_of(mta_sts_addresses_word, text_or(vector, "addresses", "")),
                                 number_of(mta_sts_dane_state_word, text_or(vector, "expanded", "unknown")),
                                 number_of(mta_sts_dane_state_word, text_or(vector, "original", "unknown")), &state, &base);
  if (status < 0) return failure(core, status);
  char line[LINE] = "";
  add_word(line, "%s", state == MTA_STS_DANE_UNKNOWN ? "ask" : mta_sts_dane_state_word((int32_t)state));
  add_word(line, "%s", mta_sts_base_word((int32_t)base));
  return json_string(line);
}

json_t *run_tlsa_match(mta_sts *core, const json_t *vector) {
  only_fields(vector, " req name expect records certificates ");
  static mta_sts_match matches[MOST * MOST];
  mta_sts_octets records[MOST];
  mta_sts_certificate sent[MOST];
  size_t count = records_of(vector, records);
  const json_t *names = json_object_get(vector, "certificates");
  if (json_array_size(names) > MOST) give_up("too many certificates", "");
  for (size_t i = 0; i < json_array_size(names); i++) sent[i] = peer(json_string_value(json_array_get(names, i)));
  int status = mta_sts_tlsa_match(core, records, count, sent, json_array_size(names), matches, MOST * MOST);
  if (status < 0) return failure(core, status);
  json_t *lines = json_array();
  for (int i = 0; i < status; i++) {
    char line[LINE] = "";
    size_t index = index_of(records, count, matches[i].record);
    const char *text = json_string_value(json_array_get(json_object_get(vector, "records"), index));
    add_word(line, "%s -> %u", text, (unsigned)matches[i].certificate);
    json_array_append_new(lines, json_string(line));
  }
  return lines;
}
