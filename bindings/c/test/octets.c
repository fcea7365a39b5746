#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

void give_up(const char *what, const char *more) {
  fprintf(stderr, "vectors: %s %s\n", what, more);
  exit(2);
}

/* Everything that was handed out, so that LeakSanitizer sees that it is not lost. */
static void **kept;
static size_t kept_count;

static void *keep(size_t size) {
  void *at = malloc(size == 0 ? 1 : size);
  kept = realloc(kept, (kept_count + 1) * sizeof *kept);
  if (at == NULL || kept == NULL) give_up("no memory", "");
  kept[kept_count++] = at;
  return at;
}

mta_sts_octets copy_octets(mta_sts_octets octets) {
  void *at = keep(octets.size);
  if (octets.size > 0) memcpy(at, octets.at, octets.size);
  return (mta_sts_octets){at, octets.size};
}

static mta_sts_octets from_hex(const char *hex) {
  size_t size = strlen(hex) / 2;
  uint8_t *at = keep(size);
  for (size_t i = 0; i < size; i++) {
    char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    at[i] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return (mta_sts_octets){at, size};
}

mta_sts_octets chunk(const json_t *value) {
  if (json_is_string(value)) return (mta_sts_octets){json_string_value(value), json_string_length(value)};
  only_fields(value, " hex text times ");
  const char *hex = json_string_value(json_object_get(value, "hex"));
  if (hex != NULL) return from_hex(hex);
  const json_t *text = json_object_get(value, "text");
  size_t once = json_string_length(text), times = (size_t)json_integer_value(json_object_get(value, "times"));
  char *at = keep(once * times);
  for (size_t i = 0; i < times; i++) memcpy(at + i * once, json_string_value(text), once);
  return (mta_sts_octets){at, once * times};
}

mta_sts_octets joined(const json_t *value) {
  if (value == NULL) return (mta_sts_octets){"", 0};
  if (!json_is_array(value)) return chunk(value);
  mta_sts_octets whole = {keep(1 << 20), 0};
  for (size_t i = 0; i < json_array_size(value); i++) {
    mta_sts_octets part = chunk(json_array_get(value, i));
    if (part.size > (1 << 20) - whole.size) give_up("octets too long", "");
    memcpy((char *)whole.at + whole.size, part.at, part.size);
    whole.size += part.size;
  }
  return whole;
}

mta_sts_octets *chunks(const json_t *array) {
  mta_sts_octets *list = keep((json_array_size(array) + 1) * sizeof *list);
  for (size_t i = 0; i < json_array_size(array); i++) list[i] = chunk(json_array_get(array, i));
  return list;
}

mta_sts_octets txt(const json_t *strings) {
  uint8_t *rdata = keep(1 << 18);
  size_t size = 0;
  for (size_t i = 0; i < json_array_size(strings); i++) {
    mta_sts_octets text = chunk(json_array_get(strings, i));
    size_t at = 0;
    do {
      size_t n = text.size - at < 255 ? text.size - at : 255;
      if (size + n + 1 > 1 << 18) give_up("a TXT RR is too long", "");
      rdata[size] = (uint8_t)n;
      memcpy(rdata + size + 1, (const char *)text.at + at, n);
      size += 1 + n;
      at += n;
    } while (at < text.size);
  }
  return (mta_sts_octets){rdata, size};
}

json_t *text_of(mta_sts_octets octets) { return json_stringn(octets.at, octets.size); }

const char *text_or(const json_t *object, const char *field, const char *otherwise) {
  const char *text = json_string_value(json_object_get(object, field));
  return text == NULL ? otherwise : text;
}

uint32_t number_of(word_of *word, const char *text) {
  for (int32_t number = 0; number < 64; number++)
    if (*word(number) != 0 && strcmp(word(number), text) == 0) return (uint32_t)number;
  give_up("there is no number for the word", text);
}

uint32_t leniency_of(const json_t *words) {
  uint32_t set = 0;
  for (size_t i = 0; i < json_array_size(words); i++)
    set |= number_of(mta_sts_leniency_word, json_string_value(json_array_get(words, i)));
  return set;
}

json_t *leniency_words(uint32_t set) {
  json_t *words = json_array();
  for (uint32_t bit = 1; bit != 0 && bit <= set; bit <<= 1)
    if (set & bit) json_array_append_new(words, json_string(mta_sts_leniency_word((int32_t)bit)));
  return words;
}

json_t *failure(const mta_sts *core, int status) {
  return json_pack("{s:s, s:i}", "error", mta_sts_error_word(status), "offset", (int)mta_sts_error_offset(core));
}

void only_fields(const json_t *object, const char *fields) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) {
    char wanted[80];
    snprintf(wanted, sizeof wanted, " %s ", name);
    if (strstr(fields, wanted) == NULL) give_up("a field that this runner does not know:", name);
  }
}

void add_word(char *line, const char *format, ...) {
  char word[LINE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(word, sizeof word, format, arguments);
  va_end(arguments);
  if (*word == 0) return;
  size_t end = strlen(line);
  snprintf(line + end, LINE - end, "%s%s", end == 0 ? "" : " ", word);
}
