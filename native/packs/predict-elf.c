/*
 * Prediction for programs and libraries: calls, operands, words that are addresses, and unwind tables. What is
 * learned needs the right bytes of a field and of the one before it, so those must be final by then: tables of
 * addresses come first, and all else in the order of the base.
 */
#include <string.h>

#include "code-fields.h"
#include "little-endian.h"
#include "predictor.h"

enum lookup { LOOKUP_CODE, LOOKUP_WORDS };

static bool address_of(const struct elf_shape *shape, uint64_t place, uint64_t *address) {
  for (unsigned i = 0; i < shape->segment_count; i++) {
    const struct segment *segment = &shape->segments[i];
    if (place < segment->place || place - segment->place >= segment->size) continue;
    *address = segment->address + (place - segment->place);
    return true;
  }
  return false;
}

static bool place_of(const struct elf_shape *shape, uint64_t address, uint64_t *place) {
  for (unsigned i = 0; i < shape->segment_count; i++) {
    const struct segment *segment = &shape->segments[i];
    if (address < segment->address || address - segment->address >= segment->size) continue;
    *place = segment->place + (address - segment->address);
    return true;
  }
  return false;
}

/* An address behind what a segment has in the file: .bss keeps its distance from there. */
static bool moved_behind(const struct elf_predictor *elf, uint64_t address, uint64_t *result) {
  for (unsigned i = 0; i < elf->old.segment_count; i++) {
    const struct segment *old = &elf->old.segments[i], *new = &elf->new.segments[i];
    uint64_t start = old->address + old->size;
    if (address < start || address > old->address + old->memory_size) continue;
    *result = new->address + new->size + (address - start);
    return true;
  }
  return false;
}

/* Where an address of the base is now, by the map. */
static bool moved(const struct predictor *predictor, uint64_t address, uint64_t *result) {
  const struct elf_predictor *elf = &predictor->elf;
  uint64_t place;
  if (!place_of(&elf->old, address, &place)) return moved_behind(elf, address, result);
  return address_of(&elf->new, (uint64_t)map_place(predictor, place), result);
}

static unsigned slot_of(uint64_t key, int log) {
  return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - log));
}

static struct shift *exact_shift(struct elf_predictor *elf, uint64_t address) {
  return &elf->exact[slot_of(address, EXACT_SHIFTS_LOG)];
}

static struct shift *rough_shift(struct elf_predictor *elf, enum lookup lookup, uint64_t address) {
  return &elf->rough[lookup][slot_of(address >> ROUGH_ADDRESSES_LOG, ROUGH_SHIFTS_LOG)];
}

/* The same by what was learned, first of all. */
static bool moved_as_learned(struct predictor *predictor, enum lookup lookup, uint64_t address,
                             uint64_t *result) {
  struct elf_predictor *elf = &predictor->elf;
  const struct shift *exact = exact_shift(elf, address);
  const struct shift *rough = rough_shift(elf, lookup, address);
  if (lookup == LOOKUP_CODE && exact->key == address) {
    *result = address + exact->shift;
  } else if (rough->key == address >> ROUGH_ADDRESSES_LOG) {
    *result = address + rough->shift;
  } else {
    return moved(predictor, address, result);
  }
  return true;
}

static void learn(struct elf_predictor *elf, enum lookup lookup, uint64_t address, uint64_t guess,
                  uint64_t truth) {
  if (guess == truth || truth > elf->new.end) return;
  if (lookup == LOOKUP_CODE) {
    *exact_shift(elf, address) = (struct shift){address, truth - address};
  }
  *rough_shift(elf, lookup, address) =
      (struct shift){address >> ROUGH_ADDRESSES_LOG, truth - address};
}

static uint64_t narrowed(const struct elf_predictor *elf, uint64_t address) {
  return elf->old.is_64 ? address : (uint32_t)address;
}

static bool overlaps(uint64_t place, uint64_t length, uint64_t start, uint64_t end) {
  return place < end && place + length > start;
}

/* Whether a field touches what is predicted as a table of addresses, or is .eh_frame_hdr. */
static bool in_tables(const struct elf_predictor *elf, uint64_t place, uint64_t length) {
  uint64_t header = elf->old.unwind_place;
  return overlaps(place, length, header, header + elf->old.unwind_size) ||
         overlaps(place, length, elf->unwind_start, elf->unwind_end);
}

/* Learning from a field of code whose opcode changed would be learning from something else. */
static bool same_byte_before(const struct piece *piece, uint32_t at) {
  return at > 0 && piece_truth(piece, at - 1) == piece->old[at - 1];
}

/* A field relative to the end of its instruction, which is `immediate` bytes behind it. */
static bool predict_relative(struct predictor *predictor, const struct piece *piece, uint32_t at,
                             uint64_t address, int immediate) {
  struct elf_predictor *elf = &predictor->elf;
  uint64_t distance = 4 + (uint64_t)immediate, new_address, guess;
  uint64_t target = narrowed(elf, address + distance + extend_u32(read_u32(piece->old + at)));
  if (target >= elf->old.end) return false;
  if (!moved_as_learned(predictor, LOOKUP_CODE, target, &guess)) return false;
  if (!address_of(&elf->new, (uint64_t)piece->new_place + at, &new_address)) return false;
  write_u32(piece->predicted + at, (uint32_t)(guess - new_address - distance));
  uint64_t truth = new_address + distance + extend_u32(piece_truth_u32(piece, at));
  if (same_byte_before(piece, at)) {
    learn(elf, LOOKUP_CODE, target, guess, narrowed(elf, truth));
  }
  return true;
}

/* A displacement from the GOT. */
static bool predict_got(struct predictor *predictor, const struct piece *piece, uint32_t at) {
  struct elf_predictor *elf = &predictor->elf;
  uint64_t target = (uint32_t)(elf->old.got + read_u32(piece->old + at)), guess;
  if (target >= elf->old.end) return false;
  if (!moved_as_learned(predictor, LOOKUP_CODE, target, &guess)) return false;
  write_u32(piece->predicted + at, (uint32_t)(guess - elf->new.got));
  uint64_t truth = (uint32_t)(elf->new.got + piece_truth_u32(piece, at));
  if (same_byte_before(piece, at)) learn(elf, LOOKUP_CODE, target, guess, truth);
  return true;
}

/* The part of a segment that is in the piece: places in the base. */
struct part {
  const struct segment *segment;
  uint64_t start, end;
};

/* i386 has displacements from the GOT in its code, where x86-64 has those from the instruction. */
static bool has_got_fields(const struct elf_predictor *elf) {
  return !elf->old.is_64 && elf->old.got;
}

/* The next place behind a byte before which fields stand. */
static uint64_t next_sign(const struct elf_predictor *elf, const struct piece *piece,
                          uint64_t place, uint64_t end) {
  const uint8_t *start = piece->old + (int64_t)(place - piece->old_place) - 1;
  const uint8_t *at = start, *last = start + (end > place ? end - place : 0);
  while (at < last && !elf->signs[*at]) at++;
  return place + (uint64_t)(at - start);
}

static void predict_code(struct predictor *predictor, const struct piece *piece,
                         const struct part *part) {
  struct elf_predictor *elf = &predictor->elf;
  const struct segment *segment = part->segment;
  bool by_got = has_got_fields(elf);
  // Before the segment's first byte there is none of its code.
  uint64_t place = part->start > segment->place ? part->start : segment->place + 1;
  for (; (place = next_sign(elf, piece, place, part->end)) + 4 <= part->end; place++) {
    uint32_t at = (uint32_t)(place - piece->old_place);
    uint64_t before = place - segment->place;
    int immediate = relative_field(piece->old + at, before, elf->old.is_64);
    bool got = immediate < 0 && by_got && got_field(piece->old + at, before);
    if ((immediate < 0 && !got) || in_tables(elf, place, 4)) continue;
    bool predicted =
        got ? predict_got(predictor, piece, at)
            : predict_relative(predictor, piece, at, segment->address + before, immediate);
    if (predicted) place += 3;
  }
}

static void predict_words(struct predictor *predictor, const struct piece *piece,
                          const struct part *part) {
  struct elf_predictor *elf = &predictor->elf;
  uint64_t width = elf->old.is_64 ? 8 : 4, least = elf->old.segments[0].address + 0x400, guess;
  uint64_t place = (part->start + width - 1) / width * width;
  for (; place + width <= part->end; place += width) {
    uint32_t at = (uint32_t)(place - piece->old_place);
    const uint8_t *old = piece->old + at;
    uint64_t value = width == 8 ? read_u64(old) : read_u32(old);
    if (value < least || value > elf->old.end || in_tables(elf, place, width)) continue;
    if (!moved_as_learned(predictor, LOOKUP_WORDS, value, &guess)) continue;
    uint8_t *field = piece->predicted + at;
    write_u32(field, (uint32_t)guess);
    if (width == 8) write_u32(field + 4, (uint32_t)(guess >> 32));
    uint64_t truth = piece_truth_u32(piece, at);
    if (width == 8) truth |= (uint64_t)piece_truth_u32(piece, at + 4) << 32;
    learn(elf, LOOKUP_WORDS, value, guess, truth);
  }
}

static bool in_piece(const struct piece *piece, uint64_t place) {
  return place >= piece->old_place && place + 4 <= (uint64_t)piece->old_place + piece->length;
}

/* .eh_frame_hdr: words relative to its own start. */
static void predict_table(struct predictor *predictor, const struct piece *piece) {
  const struct elf_predictor *elf = &predictor->elf;
  uint64_t place = elf->table_place, end = place + elf->table_words * 4, target;
  if (place < piece->old_place) place += (piece->old_place - place + 3) / 4 * 4;
  for (; place < end && in_piece(piece, place); place += 4) {
    uint32_t at = (uint32_t)(place - piece->old_place);
    uint64_t address = elf->old.unwind_address + extend_u32(read_u32(piece->old + at));
    if (!moved(predictor, address, &target)) continue;
    write_u32(piece->predicted + at, (uint32_t)(target - elf->new.unwind_address));
  }
}

/* A field of an FDE: the distance back to its CIE, or forth to its function. */
static void predict_unwind_field(struct predictor *predictor, const struct piece *piece,
                                 uint64_t place, bool back) {
  const struct elf_predictor *elf = &predictor->elf;
  uint64_t address, new_address, target;
  if (!in_piece(piece, place)) return;
  uint32_t at = (uint32_t)(place - piece->old_place);
  if (!address_of(&elf->old, place, &address)) return;
  if (!address_of(&elf->new, (uint64_t)piece->new_place + at, &new_address)) return;
  uint32_t value = read_u32(piece->old + at);
  if (!moved(predictor, back ? address - value : address + extend_u32(value), &target)) return;
  write_u32(piece->predicted + at, (uint32_t)(back ? new_address - target : target - new_address));
}

static void predict_unwind(struct predictor *predictor, const struct piece *piece) {
  const struct elf_predictor *elf = &predictor->elf;
  uint32_t low = 0, high = elf->unwind_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if ((uint64_t)elf->unwind[middle] + 4 < piece->old_place) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  uint64_t end = (uint64_t)piece->old_place + piece->length;
  for (; low < elf->unwind_count && elf->unwind[low] < end; low++) {
    predict_unwind_field(predictor, piece, elf->unwind[low], true);
    predict_unwind_field(predictor, piece, (uint64_t)elf->unwind[low] + 4, false);
  }
}

void elf_predict(struct predictor *predictor, const struct piece *piece) {
  const struct elf_predictor *elf = &predictor->elf;
  uint64_t piece_start = piece->old_place, piece_end = piece_start + piece->length;
  predict_table(predictor, piece);
  predict_unwind(predictor, piece);
  for (unsigned i = 0; i < elf->old.segment_count; i++) {
    const struct segment *segment = &elf->old.segments[i];
    uint64_t start = segment->place, end = start + segment->size;
    struct part part = {segment, start > piece_start ? start : piece_start,
                        end < piece_end ? end : piece_end};
    if (part.start >= part.end) continue;
    if (segment->executable) {
      predict_code(predictor, piece, &part);
    } else {
      predict_words(predictor, piece, &part);
    }
  }
}

/* Goes through .eh_frame (LSB core specification, 10.6) once, and notes where its FDEs are. */
static void note_unwind_entries(struct predictor *predictor, uint64_t start) {
  struct elf_predictor *elf = &predictor->elf;
  uint64_t place = start, size = predictor->window.file->size;
  while (elf->unwind_count < UNWIND_ENTRIES_MAX) {
    const uint8_t *entry = old_window_at(&predictor->window, place, 8);
    if (!entry) break;
    uint32_t length = read_u32(entry);
    // No function needs a mebibyte; 0 ends the section.
    if (length == 0 || length > 0x100000 || length > size - place - 4) break;
    bool describes_function = read_u32(entry + 4) != 0;
    if (describes_function && length >= 12) {
      elf->unwind[elf->unwind_count++] = (uint32_t)place + 4;
    }
    place += 4 + (uint64_t)length;
  }
  elf->unwind_start = start;
  elf->unwind_end = place;
}

static void find_unwind_tables(struct predictor *predictor) {
  struct elf_predictor *elf = &predictor->elf;
  const struct elf_shape *old = &elf->old;
  elf->table_words = elf->unwind_count = 0;
  elf->unwind_start = elf->unwind_end = 0;
  if (old->unwind_size < 12) return;
  const uint8_t *header = old_window_at(&predictor->window, old->unwind_place, 12);
  if (!header) return;
  // The encodings: pc-relative i32, u32, and i32 from the section's start.
  bool known_start = header[1] == 0x1b;
  uint64_t words = (uint64_t)read_u32(header + 8) * 2, start;
  if (known_start && header[2] == 0x03 && header[3] == 0x3b && words * 4 <= old->unwind_size - 12) {
    elf->table_place = old->unwind_place + 12;
    elf->table_words = words;
  }
  uint64_t address = old->unwind_address + 4 + extend_u32(read_u32(header + 4));
  if (known_start && place_of(old, address, &start)) note_unwind_entries(predictor, start);
}

int elf_begin(struct predictor *predictor, const struct elf_shape *new_shape) {
  struct elf_predictor *elf = &predictor->elf;
  int read = elf_shape_read(predictor->window.file, &elf->old);
  if (read != 1) return read;
  if (!new_shape || new_shape->segment_count != elf->old.segment_count) return 0;
  elf->new = *new_shape;
  field_signs(elf->old.is_64, has_got_fields(elf), elf->signs);
  // No address is as high as an empty place's.
  memset(elf->exact, 0xff, sizeof elf->exact);
  memset(elf->rough, 0xff, sizeof elf->rough);
  find_unwind_tables(predictor);
  return predictor->window.failed ? -1 : 1;
}
