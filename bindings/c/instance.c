#include "instance.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t module_once = PTHREAD_ONCE_INIT;

static bool instantiate(mta_sts *core) {
  jmp_buf here;
  mta_sts_trap_target = &here;
  if (setjmp(here) != 0) return false;
  memset(&core->module, 0, sizeof core->module);
  Z_mtasts_instantiate(&core->module);
  uint32_t version = Z_mtastsZ_mtasts_abi_version(&core->module);
  wasm_rt_memory_t *memory = Z_mtastsZ_memory(&core->module);
  if (memory->data == NULL) return false;
  if (version >> 16 != MTA_STS_ABI_MAJOR || (version & 0xffff) < MTA_STS_ABI_MINOR) return false;
  core->in_ptr = Z_mtastsZ_mtasts_in_ptr(&core->module);
  core->in = memory->data + core->in_ptr;
  core->in_size = Z_mtastsZ_mtasts_in_cap(&core->module);
  core->out = memory->data + Z_mtastsZ_mtasts_out_ptr(&core->module);
  core->out_size = Z_mtastsZ_mtasts_out_cap(&core->module);
  return true;
}

mta_sts *mta_sts_new(void) {
  pthread_once(&module_once, Z_mtasts_init_module);
  mta_sts *core = calloc(1, sizeof *core);
  if (core != NULL && !instantiate(core)) {
    mta_sts_free(core);
    return NULL;
  }
  return core;
}

void mta_sts_free(mta_sts *core) {
  if (core == NULL) return;
  Z_mtasts_free(&core->module);
  free(core);
}

/* The stack frame that setjmp returns to holds nothing that changes after it. */
static uint32_t guarded(mta_sts *core, mta_sts_export *function, const uint32_t *arguments, bool *trapped) {
  jmp_buf here;
  mta_sts_trap_target = &here;
  if (setjmp(here) != 0) {
    *trapped = true;
    return 0;
  }
  *trapped = false;
  return function(&core->module, arguments);
}

int mta_sts_call(mta_sts *core, mta_sts_export *function, const uint32_t *arguments) {
  bool trapped;
  core->next_effect = 0;
  /* What did not fit has no answer: the header says so, as after an error of the module. */
  if (core->overflow) {
    memset(core->out, 0, MTA_STS_OUT_HEADER);
    return MTA_STS_TOO_LARGE;
  }
  int status = (int)guarded(core, function, arguments, &trapped);
  if (!trapped) return status;
  Z_mtasts_free(&core->module);
  if (!instantiate(core)) abort();
  return MTA_STS_TRAPPED;
}

uint32_t mta_sts_error_offset(const mta_sts *core) { return mta_sts_get32(core->out + MTA_STS_OUT_OFFSET); }

mta_sts_octets mta_sts_text(const char *text) {
  mta_sts_octets octets = {text, strlen(text)};
  return octets;
}

uint32_t mta_sts_get32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void mta_sts_put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

void mta_sts_begin(mta_sts *core, uint32_t fixed) {
  core->overflow = false;
  core->length = fixed;
  memset(core->in, 0, fixed);
}

void mta_sts_put(mta_sts *core, uint32_t field, uint32_t value) { mta_sts_put32(core->in + field, value); }

void mta_sts_append(mta_sts *core, mta_sts_octets content) {
  if (content.size > core->in_size - core->length) core->overflow = true;
  if (core->overflow || content.size == 0) return;
  memcpy(core->in + core->length, content.at, content.size);
  core->length += (uint32_t)content.size;
}

static void append_number(mta_sts *core, size_t value, size_t width) {
  uint8_t octets[4];
  mta_sts_octets number = {octets, width};
  if (value >> (8 * width) != 0) core->overflow = true;
  mta_sts_put32(octets, (uint32_t)value);
  mta_sts_append(core, number);
}

void mta_sts_append16(mta_sts *core, size_t value) { append_number(core, value, 2); }
void mta_sts_append32(mta_sts *core, size_t value) { append_number(core, value, 4); }

void mta_sts_append_item(mta_sts *core, mta_sts_octets item) {
  mta_sts_append16(core, item.size);
  mta_sts_append(core, item);
}

void mta_sts_append_list(mta_sts *core, const mta_sts_octets *items, size_t count) {
  for (size_t i = 0; i < count; i++) mta_sts_append_item(core, items[i]);
}

void mta_sts_close_part(mta_sts *core, uint32_t field, uint32_t start) {
  mta_sts_put(core, field, start);
  mta_sts_put(core, field + 4, core->length - start);
}

void mta_sts_part(mta_sts *core, uint32_t field, mta_sts_octets content) {
  uint32_t start = core->length;
  mta_sts_append(core, content);
  mta_sts_close_part(core, field, start);
}

uint32_t mta_sts_payload_size(const mta_sts *core) { return mta_sts_get32(core->out + MTA_STS_OUT_LENGTH); }

uint32_t mta_sts_field(const mta_sts *core, uint32_t offset) {
  if (offset + 4 > mta_sts_payload_size(core)) return 0;
  return mta_sts_get32(core->out + MTA_STS_OUT_HEADER + offset);
}

mta_sts_octets mta_sts_payload(const mta_sts *core, uint32_t offset, uint32_t size) {
  mta_sts_octets octets = {core->out + MTA_STS_OUT_HEADER + offset, size};
  return octets;
}

mta_sts_octets mta_sts_requested(const mta_sts *core, uint32_t offset, uint32_t size) {
  mta_sts_octets octets = {core->in + offset, size};
  return octets;
}
