/* The system calls that a confined process may make with any arguments, the most frequent first. */
#ifndef CALLS_H
#define CALLS_H

#include <stddef.h>
#include <stdint.h>

extern const uint32_t calls_allowed[];
extern const size_t calls_allowed_count;

/* Further ones, of those that change something on a disk, or go to somebody. */
extern const uint32_t calls_changing[];
extern const size_t calls_changing_count;

#endif
