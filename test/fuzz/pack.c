/*
 * Packs (native/packs): the new manifest out of the old one, and every file out of a base. Nothing that comes
 * out is larger than what was allowed or listed, and what is told of it is true.
 */
#include "../../native/packs/pack.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "budget.h"
#include "support/fuzz.h"
#include "support/pack-bytes.h"

/* Of a manifest (bytes), and files of a pack that are made. */
#define MANIFEST_SIZE_MAX 20000
#define FILES_MADE_MAX 40

static int old_file = -1, new_file = -1, base_file = -1, pack_file = -1, target_file = -1;

static int64_t size_of(int fd) {
  struct stat status;
  CHECK(fstat(fd, &status) == 0);
  return status.st_size;
}

static void check_fault(int outcome, const struct fault *fault) {
  if (outcome < 0) CHECK(fault->kind == FAULT_TOKEN && fault->message[0]);
}

static void rebuild_manifest(struct pack *pack) {
  struct fault fault = {0};
  struct file_result result;
  memory_file(&target_file, NULL, 0);
  int made = pack_rebuild_manifest(pack, old_file, target_file, MANIFEST_SIZE_MAX, &result, &fault);
  check_fault(made, &fault);
  CHECK(size_of(target_file) <= MANIFEST_SIZE_MAX);
  if (made == 1) CHECK(result.size == size_of(target_file));
}

/* Makes the file, or passes it over. False after a fault. */
static bool make_file(struct pack *pack, const struct packed_file *file, unsigned choice) {
  struct fault fault = {0};
  struct file_result result;
  CHECK(file->size >= 0 && file->path[0] && pack_has_file(pack));
  if (choice % 5 == 4) return true;
  memory_file(&target_file, NULL, 0);
  int base = choice % 5 == 3 ? -1 : base_file;
  int made = pack_make_file(pack, base, target_file, &result, &fault);
  check_fault(made, &fault);
  if (made < 0) return false;
  bool opened = file->record.flags & RECORD_OPENED;
  if (!opened) CHECK(size_of(target_file) <= file->size);
  if (!result.reason[0]) {
    CHECK(result.size == size_of(target_file));
    if (!opened) CHECK(result.size == file->size);
  }
  return true;
}

static void make_files(struct pack *pack, unsigned choice) {
  struct fault fault = {0};
  struct pack_stretch stretch;
  const struct packed_file *file;
  int opened = pack_open_files(pack, old_file, new_file, &fault);
  check_fault(opened, &fault);
  if (opened != 1) return;
  int made = 0;
  int64_t end = 0;
  while (pack_next_stretch(pack, &stretch)) {
    CHECK(stretch.start >= end && stretch.end > stretch.start);
    end = stretch.end;
    for (;;) {
      int next = pack_next_file(pack, &file, &fault);
      check_fault(next, &fault);
      if (next < 0) return;
      if (next == 0) break;
      if (++made > FILES_MADE_MAX || !make_file(pack, file, choice++)) return;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct input input = {bytes, count};
  uint8_t choice = input_byte(&input);
  struct input text = input_cut(&input, 0);
  memory_file(&old_file, text.bytes, text.count);
  text = input_cut(&input, 0);
  memory_file(&new_file, text.bytes, text.count);
  size_t base_size = input_short(&input);
  if (base_size > input.count) base_size = input.count;
  memory_file(&base_file, input.bytes, base_size);
  input.bytes += base_size;
  input.count -= base_size;
  if (choice & 1) {
    memory_file(&pack_file, input.bytes, input.count);
  } else {
    size_t size;
    uint8_t *pack = pack_bytes(&input, &size);
    memory_file(&pack_file, pack, size);
    free(pack);
  }
  struct pack *pack = pack_open(pack_file, "fuzz");
  CHECK(pack);
  if (choice & 2) rebuild_manifest(pack);
  else make_files(pack, choice >> 2);
  pack_close(pack);
  CHECK(budget_pack.held == 0);
  return 0;
}
