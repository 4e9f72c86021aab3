/* What prediction has to know of an ELF file, from its headers; see elf-shape.h. */
#include "elf-shape.h"

#include <elf.h>
#include <string.h>

#include "little-endian.h"

/* Entries of the dynamic section that are looked at: some thirty are usual. */
#define DYNAMIC_ENTRIES_MAX 1024
/* The type of .eh_frame_hdr's program header (LSB core specification). */
#define UNWIND_HEADER_TYPE 0x6474e550u

struct program_header {
  uint32_t type;
  struct segment segment;
};

static struct program_header header_of(const uint8_t *bytes, bool is_64) {
  struct program_header header = {.type = read_u32(bytes)};
  struct segment *segment = &header.segment;
  if (is_64) {
    *segment = (struct segment){read_u64(bytes + 8), read_u64(bytes + 16), read_u64(bytes + 32),
                                read_u64(bytes + 40), read_u32(bytes + 4) & PF_X};
  } else {
    *segment = (struct segment){read_u32(bytes + 4), read_u32(bytes + 8), read_u32(bytes + 16),
                                read_u32(bytes + 20), read_u32(bytes + 24) & PF_X};
  }
  return header;
}

/* Whether it lies in the file, and its addresses below the limit. */
static bool fits(const struct segment *segment, uint64_t file_size) {
  return segment->place <= file_size && segment->size <= file_size - segment->place &&
         segment->address < ADDRESS_LIMIT && segment->memory_size < ADDRESS_LIMIT &&
         segment->address + segment->memory_size < ADDRESS_LIMIT;
}

static void find_end(struct elf_shape *shape) {
  shape->end = 0;
  for (unsigned i = 0; i < shape->segment_count; i++) {
    uint64_t end = shape->segments[i].address + shape->segments[i].memory_size;
    if (end > shape->end) shape->end = end;
  }
}

static bool add_segment(struct elf_shape *shape, const struct segment *segment) {
  uint64_t before = 0;
  for (unsigned i = 0; i < shape->segment_count; i++) {
    if (shape->segments[i].size == 0) continue;
    before = shape->segments[i].place + shape->segments[i].size;
  }
  if (shape->segment_count == SEGMENTS_MAX) return false;
  // Fields would be predicted twice where segments overlap.
  if (segment->size > 0 && segment->place < before) return false;
  shape->segments[shape->segment_count++] = *segment;
  return true;
}

static void find_got(struct old_window *window, const struct segment *dynamic,
                     struct elf_shape *shape) {
  uint64_t count = dynamic->size / 8;
  for (uint64_t i = 0; i < count && i < DYNAMIC_ENTRIES_MAX; i++) {
    const uint8_t *entry = old_window_at(window, dynamic->place + i * 8, 8);
    if (!entry) return;
    if (read_u32(entry) == DT_PLTGOT) shape->got = read_u32(entry + 4);
  }
}

/* False: nothing that can be predicted. */
static bool add_header(struct old_window *window, const struct program_header *header,
                       struct elf_shape *shape) {
  const struct segment *segment = &header->segment;
  bool inside = fits(segment, window->file->size);
  if (header->type == PT_LOAD) return inside && add_segment(shape, segment);
  if (header->type == UNWIND_HEADER_TYPE) {
    if (!inside) return false;
    shape->unwind_place = segment->place;
    shape->unwind_size = segment->size;
    shape->unwind_address = segment->address;
  }
  if (header->type == PT_DYNAMIC && !shape->is_64 && inside) find_got(window, segment, shape);
  return true;
}

static bool read_headers(struct old_window *window, struct elf_shape *shape) {
  const uint8_t *head = old_window_at(window, 0, sizeof(Elf64_Ehdr));
  if (!head || memcmp(head, ELFMAG, SELFMAG) != 0 || head[EI_DATA] != ELFDATA2LSB) return false;
  if (head[EI_CLASS] != ELFCLASS32 && head[EI_CLASS] != ELFCLASS64) return false;
  uint16_t type = read_u16(head + 16), machine = read_u16(head + 18);
  if (type == ET_REL || (machine != EM_X86_64 && machine != EM_386)) return false;
  shape->is_64 = head[EI_CLASS] == ELFCLASS64;
  uint64_t place = shape->is_64 ? read_u64(head + 32) : read_u32(head + 28);
  size_t size = shape->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  uint16_t distance = read_u16(head + (shape->is_64 ? 54 : 42));
  uint16_t count = read_u16(head + (shape->is_64 ? 56 : 44));
  if (distance < size || place > window->file->size) return false;
  for (uint64_t i = 0; i < count; i++) {
    const uint8_t *bytes = old_window_at(window, place + i * distance, size);
    if (!bytes) return false;
    struct program_header header = header_of(bytes, shape->is_64);
    if (!add_header(window, &header, shape)) return false;
  }
  find_end(shape);
  return shape->segment_count > 0;
}

int elf_shape_read(const struct old_bytes *file, struct elf_shape *shape) {
  struct old_window window;
  old_window_begin(&window, file);
  memset(shape, 0, sizeof *shape);
  bool found = read_headers(&window, shape);
  return window.failed ? -1 : found;
}

unsigned elf_shape_difference(const struct elf_shape *old, const struct elf_shape *new,
                              int64_t numbers[SHAPE_NUMBERS_MAX]) {
  unsigned count = 0;
  if (old->segment_count != new->segment_count) return 0;
  for (unsigned i = 0; i < old->segment_count; i++) {
    const struct segment *before = &old->segments[i], *after = &new->segments[i];
    numbers[count++] = (int64_t)(after->place - before->place);
    numbers[count++] = (int64_t)(after->address - before->address);
    numbers[count++] = (int64_t)(after->size - before->size);
    numbers[count++] = (int64_t)(after->memory_size - before->memory_size);
  }
  numbers[count++] = (int64_t)(new->unwind_address - old->unwind_address);
  numbers[count++] = (int64_t)(new->got - old->got);
  return count;
}

bool elf_shape_apply(const struct elf_shape *old, const int64_t *numbers, unsigned count,
                     struct elf_shape *new) {
  if (count != 4 * old->segment_count + 2) return false;
  *new = *old;
  for (unsigned i = 0; i < new->segment_count; i++) {
    struct segment *segment = &new->segments[i];
    segment->place += (uint64_t)*numbers++;
    segment->address += (uint64_t)*numbers++;
    segment->size += (uint64_t)*numbers++;
    segment->memory_size += (uint64_t)*numbers++;
    if (segment->place > CONTENT_SIZE_MAX || segment->size > CONTENT_SIZE_MAX) return false;
    if (!fits(segment, UINT64_MAX)) return false;
  }
  new->unwind_address += (uint64_t)*numbers++;
  new->got += (uint64_t)*numbers;
  find_end(new);
  return new->unwind_address < ADDRESS_LIMIT &&new->got < ADDRESS_LIMIT;
}
