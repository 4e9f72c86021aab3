/* The new manifest out of the old one and a pack's manifest frames (docs/PACKS.md). */
#ifndef MANIFEST_REBUILD_H
#define MANIFEST_REBUILD_H

#include "frame-reader.h"
#include "output.h"

/*
 * From the first frame on; old_fd may be -1. Writes what comes out to `output`, at most size_max bytes. 1; 0: more of
 * the pack is needed; -1 with a fault.
 */
int manifest_rebuild(struct frame_reader *frames, int old_fd, struct output *output,
                     int64_t size_max, struct fault *fault);

#endif
