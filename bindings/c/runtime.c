/* The part of wasm2c's runtime that a module without imports, tables and memory.grow needs. Accesses are checked one by one
 * (WASM_RT_MEMCHECK_SIGNAL_HANDLER=0): a library installs no signal handlers and reserves no gigabytes. */
#include "instance.h"

#include <stdlib.h>
#include <wasm-rt.h>

#define WASM_PAGE 65536u

_Thread_local jmp_buf *mta_sts_trap_target;

void wasm_rt_init(void) {}
bool wasm_rt_is_initialized(void) { return true; }
void wasm_rt_free(void) {}

uint32_t wasm_rt_register_func_type(uint32_t params, uint32_t results, ...) { return params * 16 + results + 1; }

void wasm_rt_trap(wasm_rt_trap_t trap) { longjmp(*mta_sts_trap_target, (int)trap); }

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t pages, uint32_t limit) {
  memory->data = calloc(pages, WASM_PAGE);
  memory->size = memory->data == NULL ? 0 : pages * WASM_PAGE;
  memory->pages = pages;
  memory->max_pages = limit;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) { free(memory->data); }
