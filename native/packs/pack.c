/* Going through a pack; see pack.h. */
#include "pack.h"

#include <inttypes.h>
#include <string.h>

#include "budget.h"
#include "manifest-rebuild.h"

struct pack {
  struct frame_reader *frames;
  struct file_maker *maker;
  /* A file was told, and neither made nor passed over. */
  bool pending;
  /* The entry of the last record. */
  uint32_t last;
  struct packed_file file;
  struct frame_index index;
  struct entry_index old, new;
  struct entry entry;
};

struct pack *pack_open(int fd, const char *name) {
  struct pack *pack = budget_take(&budget_pack, 1, sizeof *pack);
  if (!pack) return NULL;
  pack->frames = frame_reader_open(fd, name);
  pack->maker = pack->frames ? file_maker_open(&pack->index) : NULL;
  if (pack->maker) return pack;
  pack_close(pack);
  return NULL;
}

void pack_close(struct pack *pack) {
  if (!pack) return;
  file_maker_close(pack->maker);
  frame_reader_close(pack->frames);
  budget_free(&budget_pack, pack);
}

int pack_rebuild_manifest(struct pack *pack, int old_fd, int target, int64_t size_max,
                          struct file_result *result, struct fault *fault) {
  struct output *output = budget_take(&budget_pack, 1, sizeof *output);
  if (!output) return fault_memory(fault, &budget_pack);
  output_begin(output, target);
  int made = manifest_rebuild(pack->frames, old_fd, output, size_max, fault);
  if (made == 1) {
    result->size = output->size;
    output_digest(output, result->digest);
  }
  budget_free(&budget_pack, output);
  return made;
}

int pack_open_files(struct pack *pack, int old_fd, int new_fd, struct fault *fault) {
  int read = frame_index_read(&pack->index, pack->frames, fault);
  if (read != 1) return read;
  if (entry_index_begin(&pack->old, old_fd, fault) ||
      entry_index_begin(&pack->new, new_fd, fault)) {
    return -1;
  }
  return 1;
}

bool pack_next_stretch(struct pack *pack, struct pack_stretch *stretch) {
  pack->pending = false;
  pack->last = 0;
  if (!frame_index_next_stretch(&pack->index)) return false;
  *stretch = (struct pack_stretch){.start = pack->index.start,
                                   .end = frame_index_stretch_end(&pack->index),
                                   .first_entry = pack->index.listed[pack->index.first].entry,
                                   .next_entry = frame_index_next_entry(&pack->index)};
  file_maker_begin_stretch(pack->maker);
  return true;
}

/* A fault of the manifests' side, told with the place in the pack. */
static int find(struct pack *pack, struct entry_index *entries, uint32_t number, const char *what,
                struct fault *fault) {
  struct fault cause;
  if (entry_index_find(entries, number, &pack->entry, what, &cause) == 0) return 0;
  *fault = cause;
  if (cause.kind != FAULT_TOKEN) return -1;
  return frame_fault(pack->frames, fault, "%s", cause.message);
}

/* What the manifests say of the record. */
static int look_up(struct pack *pack, struct fault *fault) {
  struct packed_file *file = &pack->file;
  const struct file_record *record = &file->record;
  if (find(pack, &pack->new, record->entry, "new", fault)) return -1;
  file->size = pack->entry.size;
  memcpy(file->digest, pack->entry.digest, sizeof file->digest);
  memcpy(file->path, pack->entry.path, pack->entry.path_length + 1);
  if (file->size > CONTENT_SIZE_MAX) {
    return frame_fault(pack->frames, fault, "entry %" PRIu32 " has %" PRId64 " bytes, at most %u",
                       record->entry, file->size, CONTENT_SIZE_MAX);
  }
  if (!(record->flags & RECORD_BASE)) return 0;
  bool is_new = record->flags & RECORD_BASE_NEW;
  if (find(pack, is_new ? &pack->new : &pack->old, record->base, is_new ? "new" : "old", fault)) {
    return -1;
  }
  memcpy(file->base_path, pack->entry.path, pack->entry.path_length + 1);
  return 0;
}

/* Records rise, and are where the index says. */
static int check_order(struct pack *pack, bool first, struct fault *fault) {
  int64_t entry = pack->file.record.entry, listed = pack->index.listed[pack->index.first].entry;
  int64_t next = frame_index_next_entry(&pack->index);
  if ((!first || entry == listed) && (next < 0 || entry < next)) return 0;
  return frame_fault(pack->frames, fault,
                     "entry %" PRId64 " in a stretch that begins with %" PRId64
                     ", before one that begins with %" PRId64,
                     entry, listed, next);
}

/* The stretch is over: whether it ends as it should. */
static int finish_stretch(struct pack *pack, struct fault *fault) {
  if (!frame_used_up(pack->frames)) {
    return frame_fault(pack->frames, fault,
                       "its records have ended, and its other sections have not");
  }
  if (frame_index_has_frames(&pack->index)) {
    return frame_fault(pack->frames, fault, "the next one goes on with a file that has ended");
  }
  return 0;
}

int pack_next_file(struct pack *pack, const struct packed_file **file, struct fault *fault) {
  struct file_result passed;
  if (pack->pending) {
    struct file_wish wish = {&pack->file.record, (uint32_t)pack->file.size, -1, -1, true};
    pack->pending = false;
    if (file_make(pack->maker, &wish, &passed, fault)) return -1;
  }
  if (pack->index.first == pack->index.end) return 0;
  bool first = pack->index.next == pack->index.first;
  if (first && frame_index_enter(&pack->index, fault)) return -1;
  if (!first && section_left(pack->frames, SECTION_CONTROL) == 0)
    return finish_stretch(pack, fault);
  if (file_record_read(pack->frames, pack->last, &pack->file.record, fault)) return -1;
  pack->last = pack->file.record.entry;
  if (check_order(pack, first, fault) || look_up(pack, fault)) return -1;
  pack->pending = true;
  *file = &pack->file;
  return 1;
}

bool pack_has_file(const struct pack *pack) { return pack->pending; }

int pack_make_file(struct pack *pack, int base, int target, struct file_result *result,
                   struct fault *fault) {
  struct file_wish wish = {&pack->file.record, (uint32_t)pack->file.size, base, target, false};
  pack->pending = false;
  return file_make(pack->maker, &wish, result, fault);
}
