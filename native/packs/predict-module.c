/*
 * Prediction for kernel modules (ELF64, ET_REL): relocations and symbols follow the map; numbers of symbols and types,
 * places of names, and sums of symbols are learned, for many modules of a kernel share them.
 */
#include <elf.h>
#include <string.h>

#include "little-endian.h"
#include "predictor.h"

/* How many lessons of a kind are kept, and for how many keys a shift stands (both log2; 0: no shifts). */
struct shelf {
  struct lesson *lessons, *shifts;
  int lessons_log, shifts_log, together_log;
};

static struct shelf shelf_of(struct module_predictor *module, enum subject subject) {
  switch (subject) {
    case SUBJECT_SYMBOL:
      return (struct shelf){module->symbol_lessons, module->symbol_shifts, 12, 12, 3};
    case SUBJECT_NAME: return (struct shelf){module->name_lessons, module->name_shifts, 12, 12, 8};
    case SUBJECT_TYPE: return (struct shelf){module->type_lessons, module->type_shifts, 16, 14, 5};
    default: return (struct shelf){module->sum_lessons, NULL, 16, 0, 0};
  }
}

static struct lesson *slot_of(struct lesson *lessons, uint32_t key, int log) {
  return &lessons[key * UINT32_C(0x9e3779b1) >> (32 - log)];
}

/* An empty place says that 0 became 0, or didn't move, which does no harm. */
static uint32_t guess(const struct shelf *shelf, uint32_t old) {
  const struct lesson *lesson = slot_of(shelf->lessons, old, shelf->lessons_log);
  if (lesson->key == old) return lesson->value;
  if (!shelf->shifts) return old;
  uint32_t key = old >> shelf->together_log;
  const struct lesson *shift = slot_of(shelf->shifts, key, shelf->shifts_log);
  return shift->key == key ? old + shift->value : old;
}

static void teach(const struct shelf *shelf, uint32_t old, uint32_t guessed, uint32_t truth) {
  if (guessed == truth) return;
  *slot_of(shelf->lessons, old, shelf->lessons_log) = (struct lesson){old, truth};
  if (!shelf->shifts) return;
  uint32_t key = old >> shelf->together_log;
  *slot_of(shelf->shifts, key, shelf->shifts_log) = (struct lesson){key, truth - old};
}

void module_forget_stretch(struct predictor *predictor) {
  struct module_predictor *module = &predictor->module;
  memset(module->type_lessons, 0, sizeof module->type_lessons);
  memset(module->type_shifts, 0, sizeof module->type_shifts);
  memset(module->sum_lessons, 0, sizeof module->sum_lessons);
}

static void forget_file(struct module_predictor *module) {
  memset(module->symbol_lessons, 0, sizeof module->symbol_lessons);
  memset(module->symbol_shifts, 0, sizeof module->symbol_shifts);
  memset(module->name_lessons, 0, sizeof module->name_lessons);
  memset(module->name_shifts, 0, sizeof module->name_shifts);
  module->section_count = module->symbol_count = 0;
}

/* The names of sections that count are shorter than this (with the NUL). */
#define NAME_SIZE 12

static enum section_kind kind_of_name(struct old_window *window, uint64_t place) {
  static const struct {
    const char *name;
    size_t length;
    enum section_kind kind;
  } known[] = {{".BTF", 5, SECTION_TYPES},
               {"__versions", 11, SECTION_VERSIONS},
               {"__kcrctab", 9, SECTION_SUMS}};
  uint64_t size = window->file->size;
  size_t left = place < size ? (size_t)(size - place < NAME_SIZE ? size - place : NAME_SIZE) : 0;
  const uint8_t *name = old_window_at(window, place, left);
  for (size_t i = 0; name && i < sizeof known / sizeof known[0]; i++) {
    if (known[i].length <= left && memcmp(name, known[i].name, known[i].length) == 0) {
      return known[i].kind;
    }
  }
  return SECTION_PLAIN;
}

/* Of a section's header, which is gone once the window moves. */
struct section_words {
  uint32_t name, type;
};

static bool read_section(struct old_window *window, uint64_t place, struct section *section,
                         struct section_words *words) {
  const uint8_t *header = old_window_at(window, place, sizeof(Elf64_Shdr));
  if (!header) return false;
  uint64_t size = window->file->size;
  *section = (struct section){.place = read_u64(header + 24),
                              .size = read_u64(header + 32),
                              .target = read_u32(header + 44)};
  *words = (struct section_words){read_u32(header), read_u32(header + 4)};
  bool inside = section->place <= size && section->size <= size - section->place;
  if (words->type == SHT_NOBITS || !inside) section->size = 0;
  return true;
}

/* Notes the symbols that stand for sections. */
static void read_symbols(struct predictor *predictor, const struct section *table) {
  struct module_predictor *module = &predictor->module;
  module->symbol_count = 0;
  uint64_t count = table->size / sizeof(Elf64_Sym);
  for (uint64_t i = 0; i < count && module->symbol_count < SECTIONS_MAX; i++) {
    uint64_t place = table->place + i * sizeof(Elf64_Sym);
    const uint8_t *symbol = old_window_at(&predictor->window, place, 8);
    if (!symbol) return;
    if (ELF64_ST_TYPE(symbol[4]) != STT_SECTION) continue;
    module->symbols[module->symbol_count++] =
        (struct section_symbol){(uint32_t)i, read_u16(symbol + 6)};
  }
}

static bool read_sections(struct predictor *predictor, uint64_t place, unsigned count,
                          unsigned names_index) {
  struct module_predictor *module = &predictor->module;
  struct old_window *window = &predictor->window;
  struct section names;
  struct section_words words;
  const struct section *symbols = NULL;
  if (place > window->file->size || count > SECTIONS_MAX || names_index >= count) return false;
  if (!read_section(window, place + (uint64_t)names_index * sizeof(Elf64_Shdr), &names, &words)) {
    return false;
  }
  for (unsigned i = 0; i < count; i++) {
    struct section *section = &module->sections[i];
    if (!read_section(window, place + (uint64_t)i * sizeof(Elf64_Shdr), section, &words)) {
      return false;
    }
    if (words.type == SHT_RELA) {
      section->kind = SECTION_RELOCATIONS;
    } else if (words.type == SHT_SYMTAB) {
      section->kind = SECTION_SYMBOLS;
      symbols = section;
    } else if (names.place <= window->file->size) {
      section->kind = kind_of_name(window, names.place + words.name);
    }
  }
  module->section_count = count;
  if (symbols) read_symbols(predictor, symbols);
  return true;
}

int module_begin(struct predictor *predictor) {
  struct old_window *window = &predictor->window;
  forget_file(&predictor->module);
  const uint8_t *head = old_window_at(window, 0, sizeof(Elf64_Ehdr));
  bool module =
      head && memcmp(head, ELFMAG, SELFMAG) == 0 && head[EI_CLASS] == ELFCLASS64 &&
      head[EI_DATA] == ELFDATA2LSB && read_u16(head + 16) == ET_REL &&
      read_u16(head + 58) == sizeof(Elf64_Shdr) &&
      read_sections(predictor, read_u64(head + 40), read_u16(head + 60), read_u16(head + 62));
  return window->failed ? -1 : module;
}

/* Where a place in a section went, counted from where the section went. */
static uint32_t moved_in_section(const struct predictor *predictor, uint32_t index,
                                 uint32_t offset) {
  const struct module_predictor *module = &predictor->module;
  if (index == 0 || index >= module->section_count) return offset;
  const struct section *section = &module->sections[index];
  if (section->size == 0) return offset;
  return (uint32_t)(map_place(predictor, section->place + offset) -
                    map_place(predictor, section->place));
}

/* The section that a symbol stands for; 0: none. */
static uint32_t section_of_symbol(const struct module_predictor *module, uint32_t symbol) {
  unsigned low = 0, high = module->symbol_count;
  while (low < high) {
    unsigned middle = low + (high - low) / 2;
    if (module->symbols[middle].symbol < symbol) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  bool found = low < module->symbol_count && module->symbols[low].symbol == symbol;
  return found ? module->symbols[low].section : 0;
}

/* A word of the piece: whether it is there as a whole, what it was, and where it is. */
struct word {
  bool there;
  uint32_t old, at;
};

/* The old value is there, too, if the word is among the bytes before the piece. */
static struct word word_at(const struct piece *piece, uint64_t place) {
  struct word word = {0};
  uint64_t start = piece->old_place, end = start + piece->length;
  if (place + piece->context < start || place + 4 > end) return word;
  word.there = place >= start;
  word.at = (uint32_t)(place - start);
  word.old = read_u32(piece->old + ((int64_t)place - (int64_t)start));
  return word;
}

static void put(const struct piece *piece, const struct word *word, uint32_t value) {
  if (word->there) write_u32(piece->predicted + word->at, value);
}

static void put_learned(struct predictor *predictor, enum subject subject,
                        const struct piece *piece, const struct word *word) {
  if (!word->there) return;
  struct shelf shelf = shelf_of(&predictor->module, subject);
  uint32_t guessed = guess(&shelf, word->old);
  put(piece, word, guessed);
  teach(&shelf, word->old, guessed, piece_truth_u32(piece, word->at));
}

/* An entry of .rela*: offset, type, symbol, addend. Of 64-bit values only the low halves change. */
static void predict_relocation(struct predictor *predictor, const struct piece *piece,
                               const struct section *section, uint64_t place) {
  struct word offset = word_at(piece, place), symbol = word_at(piece, place + 12),
              addend = word_at(piece, place + 16);
  put(piece, &offset, moved_in_section(predictor, section->target, offset.old));
  put_learned(predictor, SUBJECT_SYMBOL, piece, &symbol);
  // Small ones are distances to the end of an instruction, mostly -4.
  if (!addend.there || addend.old + 16 <= 32) return;
  uint32_t target = section_of_symbol(&predictor->module, symbol.old);
  if (target > 0) put(piece, &addend, moved_in_section(predictor, target, addend.old));
}

/* An entry of .symtab: name, info, section, value. */
static void predict_symbol(struct predictor *predictor, const struct piece *piece, uint64_t place) {
  struct word name = word_at(piece, place), info = word_at(piece, place + 4),
              value = word_at(piece, place + 8);
  if (name.old != 0) put_learned(predictor, SUBJECT_NAME, piece, &name);
  put(piece, &value, moved_in_section(predictor, info.old >> 16, value.old));
}

static void predict_number(struct predictor *predictor, const struct piece *piece,
                           enum subject subject, uint64_t place) {
  struct word word = word_at(piece, place);
  if (word.old >= 2) put_learned(predictor, subject, piece, &word);
}

static unsigned entry_size(enum section_kind kind) {
  static const unsigned sizes[] = {[SECTION_RELOCATIONS] = sizeof(Elf64_Rela),
                                   [SECTION_TYPES] = 4,
                                   [SECTION_VERSIONS] = 64,
                                   [SECTION_SUMS] = 4,
                                   [SECTION_SYMBOLS] = sizeof(Elf64_Sym)};
  return sizes[kind];
}

static void predict_section(struct predictor *predictor, const struct piece *piece,
                            const struct section *section) {
  uint64_t start = piece->old_place, end = start + piece->length;
  uint64_t size = entry_size(section->kind), place = section->place;
  if (start > place) place += (start - place) / size * size;
  for (; place + size <= section->place + section->size && place < end; place += size) {
    if (section->kind == SECTION_RELOCATIONS) {
      predict_relocation(predictor, piece, section, place);
    } else if (section->kind == SECTION_SYMBOLS) {
      predict_symbol(predictor, piece, place);
    } else {
      enum subject subject = section->kind == SECTION_TYPES ? SUBJECT_TYPE : SUBJECT_SUM;
      predict_number(predictor, piece, subject, place);
    }
  }
}

void module_predict(struct predictor *predictor, const struct piece *piece) {
  const struct module_predictor *module = &predictor->module;
  uint64_t start = piece->old_place, end = start + piece->length;
  for (unsigned i = 1; i < module->section_count; i++) {
    const struct section *section = &module->sections[i];
    if (section->kind == SECTION_PLAIN || section->size == 0) continue;
    if (section->place >= end || section->place + section->size <= start) continue;
    predict_section(predictor, piece, section);
  }
}
