/* The manifest of the live tree, walked beside the target's; see live-lines.h. */
#include "live-lines.h"

#include <string.h>

int live_lines_open(JSContext *context, struct live_lines *live, int manifest) {
  *live = (struct live_lines){0};
  live->reader = manifest_reader_new(context, manifest);
  live->entry = live->reader ? js_malloc(context, sizeof *live->entry) : NULL;
  if (live->entry) return 0;
  live_lines_close(JS_GetRuntime(context), live);
  return -1;
}

void live_lines_close(JSRuntime *runtime, struct live_lines *live) {
  js_free_rt(runtime, live->reader);
  js_free_rt(runtime, live->entry);
  *live = (struct live_lines){0};
}

enum live_match live_lines_match(JSContext *context, struct live_lines *live,
                                 const struct manifest_reader *target, const struct entry *entry) {
  if (live->reader && !live->held && manifest_take_line(live->reader, target, entry)) {
    return LIVE_SAME;
  }
  for (;;) {
    if (!live->held) {
      if (live->ended || !live->reader) return LIVE_NONE;
      enum read_result result = manifest_next_path(context, live->reader, live->entry);
      if (result == READ_FAILED) return LIVE_FAILED;
      live->ended = result == READ_END;
      if (live->ended) return LIVE_NONE;
      live->held = true;
    }
    int order =
        path_compare(live->entry->path, live->entry->path_length, entry->path, entry->path_length);
    if (order > 0) return LIVE_NONE;
    if (order == 0) break;
    live->held = false;
  }
  const struct manifest_reader *reader = live->reader;
  bool same = reader->line_length == target->line_length &&
              memcmp(reader->line, target->line, reader->line_length) == 0;
  return same ? LIVE_SAME : LIVE_OTHER;
}

const struct entry *live_lines_entry(struct live_lines *live) {
  const struct manifest_reader *reader = live->reader;
  return entry_parse(live->entry, reader->line, reader->line_length) ? NULL : live->entry;
}
