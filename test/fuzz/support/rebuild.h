/*
 * Rebuilding files from a source's tokens (native/delta/rebuild.c), in one of the three compressions. The
 * first bytes of an input are the plan, the rest is the stream of one file after the other.
 */
#ifndef FUZZ_REBUILD_H
#define FUZZ_REBUILD_H

#include "../../../native/delta/rebuild.h"

int fuzz_rebuild(enum compression compression, const uint8_t *bytes, size_t count);

#endif
