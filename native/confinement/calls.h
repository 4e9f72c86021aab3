/* The system calls that a confined process may make with any arguments, the most frequent first. */
#ifndef CALLS_H
#define CALLS_H

#include <stddef.h>
#include <stdint.h>

extern const uint32_t calls_allowed[];
extern const size_t calls_allowed_count;

#endif
