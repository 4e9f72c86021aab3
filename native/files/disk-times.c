/* Which times a file system can hold; see disk-times.h. */
#include "disk-times.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stubborn.h"

/* Without a name if possible: then nothing of it stays, whatever happens. */
#define PROBE_NAME "probe"
#define SECOND 1000000000
/* Further than any file system counts, and still exact in JavaScript (seconds). */
#define FAR ((int64_t)1 << 40)

static int open_probe(int directory) {
  int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  (void)unlink_stubborn(directory, PROBE_NAME, 0);
  fd = openat(directory, PROBE_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) (void)unlinkat(directory, PROBE_NAME, 0);
  return fd;
}

/* What becomes of a time; false if it is refused. */
static bool becomes(int fd, struct timespec time, struct timespec *found) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time};
  struct stat status;
  if (futimens(fd, times) || fstat(fd, &status)) return false;
  *found = status.st_mtim;
  return true;
}

static bool holds(int fd, int64_t seconds) {
  struct timespec found;
  /* Even, for disks that count in steps of two seconds. */
  return becomes(fd, (struct timespec){.tv_sec = (time_t)seconds}, &found) &&
         found.tv_sec == seconds;
}

static int64_t find_granularity(int fd) {
  struct timespec found;
  const struct timespec odd = {.tv_sec = 1000000001, .tv_nsec = 123456789};
  if (!becomes(fd, odd, &found)) return SECOND;
  if (found.tv_sec != odd.tv_sec) return 2 * (int64_t)SECOND;
  for (long step = 1; step < SECOND; step *= 10) {
    if (odd.tv_nsec / step * step == found.tv_nsec) return step;
  }
  return SECOND;
}

/*
 * The last time towards `far` that can be held: what the kernel makes of `far`, or else one of the known
 * limits.
 */
static int64_t find_end(int fd, int64_t far, const int64_t known[], size_t count) {
  struct timespec found;
  if (holds(fd, far)) return far;
  int64_t beyond = far > 0 ? 2 : -2;
  if (becomes(fd, (struct timespec){.tv_sec = (time_t)far}, &found) && holds(fd, found.tv_sec) &&
      !holds(fd, found.tv_sec + beyond)) {
    return found.tv_sec;
  }
  for (size_t i = 0; i < count; i++) {
    if (holds(fd, known[i])) return known[i];
  }
  return known[count - 1];
}

int disk_times_find(int directory, struct disk_times *times, const char **call) {
  /* Signed and unsigned 32 bits, and what ext4 adds to them. */
  static const int64_t ends[] = {15032385534, 4294967294, 2147483646};
  static const int64_t starts[] = {-2147483648, 0};
  *call = "open";
  int fd = open_probe(directory);
  if (fd < 0) return -1;
  times->granularity = find_granularity(fd);
  times->latest = find_end(fd, FAR, ends, sizeof ends / sizeof *ends);
  times->earliest = find_end(fd, -FAR, starts, sizeof starts / sizeof *starts);
  close(fd);
  return 0;
}

static struct timespec held(const struct disk_times *times, struct timespec wanted) {
  if (wanted.tv_sec >= times->latest) return (struct timespec){.tv_sec = (time_t)times->latest};
  if (wanted.tv_sec <= times->earliest) return (struct timespec){.tv_sec = (time_t)times->earliest};
  int64_t step = times->granularity;
  if (step < SECOND) {
    wanted.tv_nsec -= step > 1 ? wanted.tv_nsec % (long)step : 0;
    return wanted;
  }
  wanted.tv_sec -= wanted.tv_sec % (step / SECOND);
  wanted.tv_nsec = 0;
  return wanted;
}

static bool same(struct timespec a, struct timespec b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool disk_times_match(const struct disk_times *times, struct timespec found,
                      struct timespec wanted) {
  if (same(found, wanted)) return true;
  if (times->granularity == 0) return false;
  if (same(found, held(times, wanted))) return true;
  /* Old kernels keep only the low 32 bits of what they can't hold. */
  bool outside = wanted.tv_sec > times->latest || wanted.tv_sec < times->earliest;
  return outside && (uint32_t)found.tv_sec == (uint32_t)wanted.tv_sec;
}
