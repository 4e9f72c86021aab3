/*
 * Reads and writes whole pieces, handling EINTR and short counts, for the modules that
 * move content between handles.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The buffer for content (bytes): large enough that the calls cost nothing. */
#define CONTENT_PIECE ((size_t)256 * 1024)

/* Reads until `count` bytes are there or the file ends; the bytes read, or -1 with errno. */
ssize_t content_read_at(int fd, void *bytes, size_t count, int64_t position);

/* Writes all of it at the handle's position; 0, or -1 with errno. */
int content_write(int fd, const void *bytes, size_t count);

/* A limit in bytes from a JavaScript number: negative and NaN count as 0, anything above 2^63 as the largest. */
int64_t content_size_max(double number);

/*
 * Reads a file from its start, hashes it (SHA-256 in hex) and, where target is not -1, copies it there.
 * 0, or -1 with errno and the call that failed. EFBIG (of `read`) past size_max.
 */
int content_digest(int fd, int target, int64_t size_max, int64_t *size, char digest[65],
                   const char **call);

#endif
