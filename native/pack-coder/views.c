/* Views for matching; see the header. */
#include "views.h"

#include <elf.h>
#include <string.h>

#include "../packs/code-fields.h"
#include "../packs/little-endian.h"
#include "bytes.h"

/* In the table of .eh_frame_hdr each entry counts from the one before; the first one is left. */
#define UNWIND_TABLE 12
#define UNWIND_ENTRY 8
/* Lower values are numbers, and higher ones text, not the types of .BTF. */
#define TYPE_MIN 0x200
#define TYPE_LIMIT 0x1000000
/* The text of .BTF, which is behind its types, has words above this. */
#define TEXT_MIN 0x20000000
/* In the place of a type. */
#define BLANK 0xfe

struct elf_view {
  const uint8_t *bytes;
  uint8_t *view;
  const struct elf_shape *shape;
};

static void write_u64(uint8_t *bytes, uint64_t value) {
  write_u32(bytes, (uint32_t)value);
  write_u32(bytes + 4, (uint32_t)(value >> 32));
}

static uint64_t read_word(const uint8_t *bytes, bool is_64) {
  return is_64 ? read_u64(bytes) : read_u32(bytes);
}

/* Whether the four bytes at this place are a field that leads into the image. */
static bool leads_inside(const struct elf_view *elf, const struct segment *segment,
                         uint64_t place) {
  const struct elf_shape *shape = elf->shape;
  const uint8_t *field = elf->bytes + place;
  uint64_t before = place - segment->place;
  int after = relative_field(field, before, shape->is_64);
  uint64_t target;
  if (after >= 0) {
    target = segment->address + before + 4 + (uint64_t)after + extend_u32(read_u32(field));
  } else if (!shape->is_64 && shape->got && got_field(field, before)) {
    target = shape->got + read_u32(field);
  } else {
    return false;
  }
  return (shape->is_64 ? target : (uint32_t)target) < shape->end;
}

static void blank_code(const struct elf_view *elf, const struct segment *segment) {
  uint64_t end = segment->place + segment->size;
  for (uint64_t place = segment->place; place + 4 <= end; place++) {
    if (!leads_inside(elf, segment, place)) continue;
    memset(elf->view + place, 0, 4);
    place += 3;
  }
}

/* Words that are addresses are told by the difference to the one of the entry before, in tables of three or two. */
static void tell_words(const struct elf_view *elf, const struct segment *segment) {
  const struct elf_shape *shape = elf->shape;
  uint64_t width = shape->is_64 ? 8 : 4, distance = shape->is_64 ? 24 : 8;
  uint64_t least = shape->segments[0].address + 0x400;
  uint64_t unwind_end = shape->unwind_place + shape->unwind_size;
  uint64_t end = segment->place + segment->size;
  uint64_t place = (segment->place + distance + width - 1) / width * width;
  for (; place + width <= end; place += width) {
    if (shape->unwind_size && place + width > shape->unwind_place && place < unwind_end) continue;
    uint64_t word = read_word(elf->bytes + place, shape->is_64);
    uint64_t other = read_word(elf->bytes + place - distance, shape->is_64);
    if (word < least || word > shape->end) continue;
    if (other < least || other > shape->end) other = word;
    if (shape->is_64) write_u64(elf->view + place, word - other);
    else write_u32(elf->view + place, (uint32_t)(word - other));
  }
}

static void tell_unwind_table(const struct elf_view *elf) {
  const struct elf_shape *shape = elf->shape;
  uint64_t end = shape->unwind_place + shape->unwind_size;
  uint64_t place = shape->unwind_place + UNWIND_TABLE + UNWIND_ENTRY;
  if (shape->unwind_size == 0) return;
  for (; place + 4 <= end; place += 4) {
    const uint8_t *word = elf->bytes + place;
    write_u32(elf->view + place, read_u32(word) - read_u32(word - UNWIND_ENTRY));
  }
}

static uint8_t *copy_of(struct content content) {
  uint8_t *copy = memory_take(content.length);
  memcpy(copy, content.bytes, content.length);
  return copy;
}

uint8_t *view_of_elf(struct content content, const struct elf_shape *shape) {
  struct elf_view elf = {content.bytes, copy_of(content), shape};
  for (unsigned i = 0; i < shape->segment_count; i++) {
    const struct segment *segment = &shape->segments[i];
    if (segment->executable) blank_code(&elf, segment);
    else tell_words(&elf, segment);
  }
  tell_unwind_table(&elf);
  return elf.view;
}

bool is_module(struct content content) {
  const uint8_t *head = content.bytes;
  return content.length >= sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0 &&
         head[EI_CLASS] == ELFCLASS64 && head[EI_DATA] == ELFDATA2LSB &&
         read_u16(head + 16) == ET_REL;
}

/* Offsets and addends count from the entry before: an addend only where the symbol is the same. */
static void tell_relocations(const uint8_t *bytes, uint8_t *view, uint64_t place, uint64_t size) {
  const uint64_t width = sizeof(Elf64_Rela);
  for (uint64_t at = place + width; at + width <= place + size; at += width) {
    const uint8_t *entry = bytes + at, *before = entry - width;
    write_u64(view + at, read_u64(entry) - read_u64(before));
    if (read_u32(entry + 12) != read_u32(before + 12)) continue;
    write_u64(view + at + 16, read_u64(entry + 16) - read_u64(before + 16));
  }
}

static void blank_types(const uint8_t *bytes, uint8_t *view, uint64_t place, uint64_t size) {
  for (uint64_t at = place; at + 4 <= place + size; at += 4) {
    uint32_t word = read_u32(bytes + at);
    if (word >= TEXT_MIN) return;
    if (word >= TYPE_MIN && word < TYPE_LIMIT) memset(view + at, BLANK, 4);
  }
}

/* Whether the name of a section, which ends in the file, is this one. */
static bool is_called(struct content content, uint64_t place, const char *name) {
  size_t length = strlen(name) + 1;
  return place <= content.length && content.length - place >= length &&
         memcmp(content.bytes + place, name, length) == 0;
}

uint8_t *view_of_module(struct content content) {
  const uint8_t *bytes = content.bytes;
  uint8_t *view = copy_of(content);
  uint64_t table = read_u64(bytes + 40), count = read_u16(bytes + 60), names = read_u16(bytes + 62);
  const uint64_t width = sizeof(Elf64_Shdr);
  if (table > content.length || count * width > content.length - table || names >= count)
    return view;
  uint64_t names_place = read_u64(bytes + table + names * width + 24);
  for (uint64_t i = 1; i < count; i++) {
    const uint8_t *header = bytes + table + i * width;
    uint64_t place = read_u64(header + 24), size = read_u64(header + 32);
    if (place > content.length || size > content.length - place) continue;
    uint32_t type = read_u32(header + 4);
    if (type == SHT_RELA) tell_relocations(bytes, view, place, size);
    if (type != SHT_NOBITS && is_called(content, names_place + read_u32(header), ".BTF")) {
      blank_types(bytes, view, place, size);
    }
  }
  return view;
}
