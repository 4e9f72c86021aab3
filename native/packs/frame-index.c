/* Stretches of frames; see frame-index.h. */
#include "frame-index.h"

#include <inttypes.h>
#include <stddef.h>

static int read_row(struct frame_index *index, uint32_t row, struct fault *fault) {
  struct listed_frame *listed = &index->listed[row];
  const struct listed_frame *before = row > 0 ? listed - 1 : NULL;
  uint64_t length, difference, entry = before ? before->entry : 0;
  if (section_number_up_to(index->frames, SECTION_CONTROL, "a frame's length",
                           2 * FRAME_PACKED_MAX + 1, &length, fault) ||
      section_number_up_to(index->frames, SECTION_CONTROL, "an entry's number",
                           MANIFEST_ENTRIES_MAX - entry, &difference, fault)) {
    return -1;
  }
  bool goes_on = length & 1;
  if (length >> 1 == 0) {
    return frame_fault(index->frames, fault, "row %" PRIu32 " of the index is a frame of no bytes",
                       row);
  }
  if (goes_on ? !before || difference != 0 : difference == 0) {
    return frame_fault(index->frames, fault,
                       "row %" PRIu32 " of the index is out of order (%" PRIu64 " entries on)", row,
                       difference);
  }
  *listed = (struct listed_frame){(uint32_t)(length >> 1), (uint32_t)(entry + difference), goes_on};
  return 0;
}

int frame_index_read(struct frame_index *index, struct frame_reader *frames, struct fault *fault) {
  uint64_t count;
  index->frames = frames;
  frame_seek(frames, 0, 0);
  do {
    int there = frame_next(frames, fault);
    if (there != 1) return there;
    bool manifest = frame_kind(frames) == FRAME_MANIFEST;
    bool due = frame_number(frames) > 1 && frame_kind(frames) == FRAME_INDEX;
    if (!due && (!manifest || frame_number(frames) > MANIFEST_FRAMES_MAX)) {
      return frame_fault(frames, fault,
                         "kind %d; at most %d frames of the manifest, then the index",
                         frame_kind(frames), MANIFEST_FRAMES_MAX);
    }
  } while (frame_kind(frames) != FRAME_INDEX);
  if (section_number_up_to(frames, SECTION_CONTROL, "the number of frames", FILE_FRAMES_MAX, &count,
                           fault)) {
    return -1;
  }
  index->count = (uint32_t)count;
  for (uint32_t row = 0; row < index->count; row++) {
    if (read_row(index, row, fault)) return -1;
  }
  if (!frame_used_up(frames)) return frame_fault(frames, fault, "the index goes on");
  index->place = index->start = frame_place(frames);
  index->number = frame_number(frames);
  index->first = index->end = index->next = 0;
  return 1;
}

bool frame_index_next_stretch(struct frame_index *index) {
  index->start = frame_index_stretch_end(index);
  index->first = index->next = index->end;
  if (index->first == index->count) return false;
  do index->end++;
  while (index->end < index->count && index->listed[index->end].goes_on);
  frame_seek(index->frames, index->start, index->number + index->first);
  return true;
}

int64_t frame_index_stretch_end(const struct frame_index *index) {
  int64_t place = index->start;
  for (uint32_t row = index->first; row < index->end; row++) place += index->listed[row].length;
  return place;
}

int64_t frame_index_next_entry(const struct frame_index *index) {
  return index->end < index->count ? (int64_t)index->listed[index->end].entry : -1;
}

bool frame_index_has_frames(const struct frame_index *index) { return index->next < index->end; }

int frame_index_enter(struct frame_index *index, struct fault *fault) {
  struct frame_reader *frames = index->frames;
  if (!frame_index_has_frames(index)) {
    return frame_fault(frames, fault, "a file goes on, and its frames don't");
  }
  const struct listed_frame *listed = &index->listed[index->next];
  int there = frame_next(frames, fault);
  if (there < 0) return -1;
  if (there == 0) return frame_fault(frames, fault, "the pack ends within it");
  if (frame_packed_length(frames) != listed->length ||
      frame_kind(frames) != (listed->goes_on ? FRAME_MORE : FRAME_FILES)) {
    return frame_fault(frames, fault,
                       "%" PRIu32 " bytes of kind %d, but the index has %" PRIu32 " of %d",
                       frame_packed_length(frames), frame_kind(frames), listed->length,
                       listed->goes_on ? FRAME_MORE : FRAME_FILES);
  }
  if (listed->goes_on && section_left(frames, SECTION_CONTROL) > 0) {
    return frame_fault(frames, fault, "it goes on with a file, and has records");
  }
  index->next++;
  return 0;
}
