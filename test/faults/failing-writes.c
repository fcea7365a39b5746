/*
 * LD_PRELOAD for a daemon under test: the FAIL_AT-th write, sync or truncation of a file whose path contains FAIL_PATH
 * fails with errno FAIL_ERRNO, and FAIL_TIMES - 1 after it. The number of such calls so far is kept in FAIL_COUNT_FILE.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long *count;
static const char *path_part;
static long at, times, error_number;

static long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text == NULL ? otherwise : atol(text);
}

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("FAIL_COUNT_FILE");
  path_part = getenv("FAIL_PATH");
  at = setting("FAIL_AT", 0);
  times = setting("FAIL_TIMES", 1);
  error_number = setting("FAIL_ERRNO", EIO);
  if (file == NULL || path_part == NULL) return;
  int fd = open(file, O_RDWR | O_CREAT, 0600);
  if (fd < 0 || ftruncate(fd, sizeof *count) != 0) return;
  void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) count = page;
}

static int fails(int fd) {
  char link[64], path[4096];
  if (count == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strstr(path, path_part) == NULL) return 0;
  long now = atomic_fetch_add(count, 1) + 1;
  if (at == 0 || now < at || now >= at + times) return 0;
  errno = (int)error_number;
  return 1;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *from, size_t size) {
  REAL(write);
  return fails(fd) ? -1 : real(fd, from, size);
}
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) {
  REAL(pwrite);
  return fails(fd) ? -1 : real(fd, from, size, offset);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t offset) {
  REAL(pwrite64);
  return fails(fd) ? -1 : real(fd, from, size, offset);
}
ssize_t pwritev(int fd, const struct iovec *from, int pieces, off_t offset) {
  REAL(pwritev);
  return fails(fd) ? -1 : real(fd, from, pieces, offset);
}
int fsync(int fd) {
  REAL(fsync);
  return fails(fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  REAL(fdatasync);
  return fails(fd) ? -1 : real(fd);
}
int ftruncate(int fd, off_t size) {
  REAL(ftruncate);
  return fails(fd) ? -1 : real(fd, size);
}
int ftruncate64(int fd, off64_t size) {
  REAL(ftruncate64);
  return fails(fd) ? -1 : real(fd, size);
}
