/* What a predictor knows while it goes through a file: for the files that predict, not for who uses them. */
#ifndef PREDICTOR_H
#define PREDICTOR_H

#include "elf-shape.h"
#include "prediction.h"

/* How an address, or the name of something, moved when it was last seen. Shifts wrap around. */
struct shift {
  uint64_t key;
  uint64_t shift;
};
#define EXACT_SHIFTS_LOG 14
#define ROUGH_SHIFTS_LOG 12
/* A rough key stands for this many addresses (log2). */
#define ROUGH_ADDRESSES_LOG 7

struct elf_predictor {
  struct elf_shape old, new;
  /* The table of .eh_frame_hdr: its first place, and how many words it has. */
  uint64_t table_place, table_words;
  /* .eh_frame, and where the distance to its CIE stands in each FDE; pc_begin is behind it. */
  uint64_t unwind_start, unwind_end;
  uint32_t unwind_count;
  uint32_t unwind[UNWIND_ENTRIES_MAX];
  /* The bytes of code before which a field may stand. */
  bool signs[256];
  /* Code asks both, words the second of the rough ones alone. */
  struct shift exact[1 << EXACT_SHIFTS_LOG];
  struct shift rough[2][1 << ROUGH_SHIFTS_LOG];
};

/* What is learned in modules: numbers of symbols, places of names, BTF's types, and sums of symbols. */
enum subject { SUBJECT_SYMBOL, SUBJECT_NAME, SUBJECT_TYPE, SUBJECT_SUM };

/* What an old word became, or by how much the words around it moved. */
struct lesson {
  uint32_t key, value;
};

enum section_kind {
  SECTION_PLAIN,
  SECTION_RELOCATIONS,
  SECTION_TYPES,
  SECTION_VERSIONS,
  SECTION_SUMS,
  SECTION_SYMBOLS
};

struct section {
  uint64_t place, size;
  /* Of relocations: the section that they are for. */
  uint32_t target;
  enum section_kind kind;
};

struct module_predictor {
  unsigned section_count;
  struct section sections[SECTIONS_MAX];
  /* The symbols that stand for sections, in rising order. */
  unsigned symbol_count;
  struct section_symbol {
    uint32_t symbol, section;
  } symbols[SECTIONS_MAX];
  struct lesson symbol_lessons[1 << 12], symbol_shifts[1 << 12];
  struct lesson name_lessons[1 << 12], name_shifts[1 << 12];
  /* These two last as long as a stretch. */
  struct lesson type_lessons[1 << 16], type_shifts[1 << 14];
  struct lesson sum_lessons[1 << 16];
};

struct predictor {
  enum prediction prediction;
  const struct block *map;
  size_t map_count;
  struct old_window window;
  struct elf_predictor elf;
  struct module_predictor module;
};

/* Where a place of the base went; possibly outside of the content. */
int64_t map_place(const struct predictor *predictor, uint64_t place);

/* 1; 0: nothing to predict from; -1: errno. */
int elf_begin(struct predictor *predictor, const struct elf_shape *new_shape);
int module_begin(struct predictor *predictor);

/* Replace fields of the piece's copy. */
void elf_predict(struct predictor *predictor, const struct piece *piece);
void module_predict(struct predictor *predictor, const struct piece *piece);

void module_forget_stretch(struct predictor *predictor);

/* A byte of what the piece really is; only where the prediction is final. */
static inline uint8_t piece_truth(const struct piece *piece, uint32_t at) {
  return piece->known ? piece->known[at] : (uint8_t)(piece->predicted[at] + piece->fixes[at]);
}

static inline uint32_t piece_truth_u32(const struct piece *piece, uint32_t at) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < 4; i++) value |= (uint32_t)piece_truth(piece, at + i) << 8 * i;
  return value;
}

#endif
