/* An instance of the module, and requests under construction in its IN area. Not for users of the library. */
#ifndef MTA_STS_INSTANCE_H
#define MTA_STS_INSTANCE_H

#include <setjmp.h>
#include <stdbool.h>

#include "core.h"
#include "mta_sts.h"

/* Where a trap of this thread's call goes. */
extern _Thread_local jmp_buf *mta_sts_trap_target;

struct mta_sts {
  Z_mtasts_instance_t module;
  uint8_t *in, *out;
  uint32_t in_ptr, in_size, out_size;
  /* of the request being written: octets so far, and whether something did not fit */
  uint32_t length;
  bool overflow;
  /* the effect that mta_sts_next_effect reads next, as an offset in the payload */
  uint32_t next_effect;
};

uint32_t mta_sts_get32(const uint8_t *at);
void mta_sts_put32(uint8_t *at, uint32_t value);

/* Begins a request with so many octets of fixed fields, all 0. */
void mta_sts_begin(mta_sts *core, uint32_t fixed);
void mta_sts_put(mta_sts *core, uint32_t field, uint32_t value);
void mta_sts_append(mta_sts *core, mta_sts_octets content);
void mta_sts_append16(mta_sts *core, size_t value);
void mta_sts_append32(mta_sts *core, size_t value);
/* Appends a list member: a u16 length and the octets. */
void mta_sts_append_item(mta_sts *core, mta_sts_octets item);
void mta_sts_append_list(mta_sts *core, const mta_sts_octets *items, size_t count);
/* Writes where a part began, and that it ends here, to a field of the request. */
void mta_sts_close_part(mta_sts *core, uint32_t field, uint32_t start);
void mta_sts_part(mta_sts *core, uint32_t field, mta_sts_octets content);

/* A number of the payload of the last call; 0 where it has no such octets. */
uint32_t mta_sts_field(const mta_sts *core, uint32_t offset);
uint32_t mta_sts_payload_size(const mta_sts *core);
mta_sts_octets mta_sts_payload(const mta_sts *core, uint32_t offset, uint32_t size);
/* Octets of the request that was just answered. */
mta_sts_octets mta_sts_requested(const mta_sts *core, uint32_t offset, uint32_t size);

typedef uint32_t mta_sts_export(Z_mtasts_instance_t *module, const uint32_t *arguments);
/* Calls an export; the request must be complete. */
int mta_sts_call(mta_sts *core, mta_sts_export *function, const uint32_t *arguments);

#endif
