/* A pack's index frame, and going through the stretches of frames that it lists. */
#ifndef FRAME_INDEX_H
#define FRAME_INDEX_H

#include "frame-reader.h"

struct frame_index {
  struct frame_reader *frames;
  uint32_t count;
  /* The first of the frames that are listed: its place and its number in the pack. */
  int64_t place;
  uint32_t number;
  /* The stretch: its place, its first frame, and the one behind it. */
  int64_t start;
  uint32_t first, end;
  /* The frame of it that comes next. */
  uint32_t next;
  struct listed_frame {
    uint32_t length;
    /* The entry of its first record. */
    uint32_t entry;
    bool goes_on;
  } listed[FILE_FRAMES_MAX];
};

/* Passes over the manifest's frames. 1; 0: more of the pack is needed; -1 with a fault. */
int frame_index_read(struct frame_index *index, struct frame_reader *frames, struct fault *fault);

/* Goes to the stretch behind the current one; false: there is none. */
bool frame_index_next_stretch(struct frame_index *index);
/* Where the stretch ends in the pack. */
int64_t frame_index_stretch_end(const struct frame_index *index);
/* The first entry of the next stretch; -1: there is none. */
int64_t frame_index_next_entry(const struct frame_index *index);

/* Whether frames of the stretch are left. */
bool frame_index_has_frames(const struct frame_index *index);
/* Reads the next frame of the stretch, which must be as listed. 0, or -1 with a fault. */
int frame_index_enter(struct frame_index *index, struct fault *fault);

#endif
