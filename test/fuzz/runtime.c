// The part of wasm2c's runtime that a module without imports, tables and memory.grow needs. The linear memory ends at
// an unreadable page, and a trap is a crash: the module has no reason to trap.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <wasm-rt.h>

#define WASM_PAGE 65536u

uint32_t wasm_rt_call_stack_depth;

void wasm_rt_init(void) {}
bool wasm_rt_is_initialized(void) { return true; }
void wasm_rt_free(void) {}
uint32_t wasm_rt_register_func_type(uint32_t params, uint32_t results, ...) { return params * 16 + results + 1; }

void wasm_rt_trap(wasm_rt_trap_t trap) {
  fprintf(stderr, "the module trapped: %d\n", (int)trap);
  abort();
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t pages, uint32_t limit) {
  size_t size = (size_t)pages * WASM_PAGE;
  // A 32-bit address reaches 4 GiB: what lies behind the memory must be a hole as large.
  uint8_t *at = mmap(NULL, size + (5ull << 30), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED || mprotect(at, size, PROT_READ | PROT_WRITE) != 0) {
    perror("no linear memory");
    exit(1);
  }
  memory->data = at;
  memory->size = (uint32_t)size;
  memory->pages = pages;
  memory->max_pages = limit;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) { munmap(memory->data, memory->size + (5ull << 30)); }
