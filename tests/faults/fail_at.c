/* Ends a process, or fails a call, at exactly the N-th call of a kind, counted over all of its threads.
 *
 *     cc -shared -fPIC -O1 -o fail_at.so fail_at.c -ldl
 *     LD_PRELOAD=./fail_at.so FAIL_CALL=fdatasync FAIL_PATH=-wal FAIL_AT=3 FAIL_WITH=EIO APP
 *
 * FAIL_CALL  write, pwrite64, fsync, fdatasync, rename or unlink
 * FAIL_PATH  only files whose path holds this; of a rename the old one
 * FAIL_AT    which call, from 1
 * FAIL_WITH  kill: SIGKILL before the call. tear: half of the bytes are written, then SIGKILL.
 *            Otherwise the call is not made: EIO or ENOSPC once, ENOSPC+ from then on. skip: from then on
 *            an fsync says that it was made.
 *
 * strace counts the calls of each thread by itself; a station works with many, so it would miss some.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long seen;

static int concerns(const char *call, const char *path) {
  const char *wanted = getenv("FAIL_CALL"), *part = getenv("FAIL_PATH");
  return wanted && strcmp(wanted, call) == 0 && (!part || strstr(path, part));
}

static int concerns_file(const char *call, int file) {
  char link[64], path[4096];
  const char *wanted = getenv("FAIL_CALL");
  if (!wanted || strcmp(wanted, call) != 0)
    return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0)
    return 0;
  path[length] = 0;
  return concerns(call, path);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;)
    pause();
}

/* 0: make the call. 1: make half of it, then die. -1: say that it was made. Otherwise errno, and it is not made. */
static int now(void) {
  const char *at = getenv("FAIL_AT"), *with = getenv("FAIL_WITH");
  long call = atomic_fetch_add(&seen, 1) + 1, wanted = at ? atol(at) : 0;
  int from_then_on = with && (strcmp(with, "ENOSPC+") == 0 || strcmp(with, "skip") == 0);
  if (!with || call < wanted || (call > wanted && !from_then_on))
    return 0;
  if (strcmp(with, "skip") == 0)
    return -1;
  if (strcmp(with, "kill") == 0)
    die();
  if (strcmp(with, "tear") == 0)
    return 1;
  return strcmp(with, "EIO") == 0 ? EIO : ENOSPC;
}

#define REAL(name, type) \
  static type real; \
  if (!real) \
  real = (type)dlsym(RTLD_NEXT, name)

typedef int (*sync_call)(int);
typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off64_t);
typedef int (*rename_call)(const char *, const char *);
typedef int (*unlink_call)(const char *);

#define SYNC(name) \
  int name(int file) { \
    REAL(#name, sync_call); \
    int failure = concerns_file(#name, file) ? now() : 0; \
    if (failure == 1) \
      die(); \
    if (failure == -1) \
      return 0; \
    if (failure) { \
      errno = failure; \
      return -1; \
    } \
    return real(file); \
  }
SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int file, const void *bytes, size_t count) {
  REAL("write", write_call);
  int failure = concerns_file("write", file) ? now() : 0;
  if (failure == 1) {
    real(file, bytes, count / 2);
    die();
  }
  if (failure) {
    errno = failure;
    return -1;
  }
  return real(file, bytes, count);
}

static ssize_t write_at(int file, const void *bytes, size_t count, off64_t offset) {
  REAL("pwrite64", pwrite_call);
  int failure = concerns_file("pwrite64", file) ? now() : 0;
  if (failure == 1) {
    real(file, bytes, count / 2, offset);
    die();
  }
  if (failure) {
    errno = failure;
    return -1;
  }
  return real(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
  return write_at(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
  return write_at(file, bytes, count, offset);
}

int rename(const char *from, const char *to) {
  REAL("rename", rename_call);
  int failure = concerns("rename", from) ? now() : 0;
  if (failure == 1)
    die();
  if (failure) {
    errno = failure;
    return -1;
  }
  return real(from, to);
}

int unlink(const char *path) {
  REAL("unlink", unlink_call);
  int failure = concerns("unlink", path) ? now() : 0;
  if (failure == 1)
    die();
  if (failure) {
    errno = failure;
    return -1;
  }
  return real(path);
}
