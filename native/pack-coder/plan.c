/* One file of a pack; see the header. */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>

#include "compression.h"

/* docs/PACKS.md, Flags. */
enum {
  FLAG_BASE = 1,
  FLAG_NEW_BASE = 2,
  FLAG_OPENED = 4,
  FLAG_OPENED_BASE = 8,
  FLAG_ELF = 16,
  FLAG_MODULE = 32
};

/*
 * Candidates are compared by fast compression. Where that finds them less than a quarter apart, and they are small
 * enough for it to take no time, that of frames decides.
 */
#define EXACT_MAX (128 * 1024)

/* Carried whole a file takes at least this part of its size, nearly always; so then nobody has to try. */
#define WORTH_TRYING_WHOLE 16

/* A way to carry the file. */
struct candidate {
  struct sections sections;
  size_t head_length;
  /* About as many bytes as it takes in a frame. */
  size_t cost;
  int base;
  bool opened;
  struct coding coding;
  struct source_file base_file;
};

static void candidate_free(struct candidate *candidate) {
  sections_free(&candidate->sections);
  coding_free(&candidate->coding);
  source_file_free(&candidate->base_file);
}

static size_t cost_of(const struct sections *sections, enum effort effort) {
  const struct bytes *parts[] = {&sections->control, &sections->gaps, &sections->fixes,
                                 &sections->text};
  struct bytes all = {0};
  for (size_t i = 0; i < 4; i++) bytes_append(&all, parts[i]->data, parts[i]->length);
  size_t cost = compressed_length(&all, effort);
  bytes_free(&all);
  return cost;
}

/* What a record begins with, behind its line. */
static void write_head(const struct plan *plan, struct candidate *candidate, uint8_t flags) {
  struct bytes *control = &candidate->sections.control;
  const struct source_file *file = &plan->new_file;
  if (candidate->opened) flags |= FLAG_OPENED;
  bytes_append_byte(control, flags);
  if (flags & FLAG_BASE) {
    bytes_append_signed(control, plan->bases[candidate->base].line - plan->line);
  }
  if (candidate->opened) {
    bytes_append_number(control, file->header_length);
    bytes_append(control, file->closed.bytes, file->header_length);
    bytes_append_number(control, file->opened.length);
  }
  candidate->head_length = control->length;
}

static struct candidate make_whole(const struct plan *plan, bool opened) {
  struct candidate candidate = {.base = -1, .opened = opened};
  struct content content = source_file_content(&plan->new_file, opened);
  write_head(plan, &candidate, 0);
  sections_add_text(&candidate.sections, content.bytes, content.length);
  sections_end(&candidate.sections);
  candidate.cost = cost_of(&candidate.sections, EFFORT_FAST);
  return candidate;
}

static uint8_t flags_of_base(const struct plan *plan, const struct candidate *candidate,
                             bool base_opened) {
  uint8_t flags = FLAG_BASE;
  if (plan->bases[candidate->base].is_new) flags |= FLAG_NEW_BASE;
  if (base_opened) flags |= FLAG_OPENED_BASE;
  if (candidate->coding.prediction == PREDICT_ELF) flags |= FLAG_ELF;
  if (candidate->coding.prediction == PREDICT_MODULE) flags |= FLAG_MODULE;
  return flags;
}

/* -1 with errno: the base can't be read. */
static int make_from_base(const struct plan *plan, int base, struct predictor *predictor,
                          struct candidate *candidate) {
  const struct plan_base *from = &plan->bases[base];
  bool opened = plan->new_file.opened.bytes;
  *candidate = (struct candidate){.base = base, .opened = opened};
  int tree = from->is_new ? plan->new_tree : plan->old_tree;
  if (source_file_read(tree, from->path, from->size, &candidate->base_file)) return -1;
  if (opened) source_file_open(&candidate->base_file, false);
  bool base_opened = candidate->base_file.opened.bytes;
  coding_plan(&candidate->coding, predictor, source_file_content(&plan->new_file, opened),
              source_file_content(&candidate->base_file, base_opened));
  write_head(plan, candidate, flags_of_base(plan, candidate, base_opened));
  predictor_forget_stretch(predictor);
  coding_write(&candidate->coding, predictor, &candidate->sections);
  candidate->cost = cost_of(&candidate->sections, EFFORT_FAST);
  return 0;
}

static bool is_cheaper(const struct candidate *one, const struct candidate *other) {
  bool is_clear = one->cost < other->cost / 4 * 3 || other->cost < one->cost / 4 * 3;
  if (is_clear || sections_length(&one->sections) > EXACT_MAX ||
      sections_length(&other->sections) > EXACT_MAX) {
    return one->cost < other->cost;
  }
  return cost_of(&one->sections, EFFORT_OF_FRAMES) < cost_of(&other->sections, EFFORT_OF_FRAMES);
}

/* Keeps the cheaper one; of equals the first. */
static void keep_better(struct candidate *best, struct candidate *other) {
  if (best->cost == SIZE_MAX || is_cheaper(other, best)) {
    candidate_free(best);
    *best = *other;
  } else {
    candidate_free(other);
  }
}

/* The best of the bases, if there is one. -1 with errno and `failed_path`. */
static int try_bases(struct plan *plan, struct candidate *best) {
  struct predictor *predictor = predictor_new();
  int result = 0;
  for (unsigned i = 0; i < plan->base_count && result == 0; i++) {
    struct candidate other;
    result = make_from_base(plan, (int)i, predictor, &other);
    if (result == 0) keep_better(best, &other);
    else plan->failed_path = plan->bases[i].path;
  }
  free(predictor);
  return result;
}

static void try_whole(const struct plan *plan, struct candidate *best) {
  if (best->cost < plan->size / WORTH_TRYING_WHOLE) return;
  struct candidate closed = make_whole(plan, false);
  keep_better(best, &closed);
  if (!plan->new_file.opened.bytes) return;
  struct candidate opened = make_whole(plan, true);
  keep_better(best, &opened);
}

static int read_and_choose(struct plan *plan, struct candidate *best) {
  plan->failed_path = plan->path;
  if (source_file_read(plan->new_tree, plan->path, plan->size, &plan->new_file)) return -1;
  if (!plan->is_plain) {
    source_file_open(&plan->new_file, true);
    if (try_bases(plan, best)) return -1;
  }
  try_whole(plan, best);
  return 0;
}

void plan_run(struct task *task) {
  struct plan *plan = (struct plan *)task;
  struct candidate best = {.cost = SIZE_MAX};
  if (read_and_choose(plan, &best)) {
    plan->failed = errno;
    candidate_free(&best);
    return;
  }
  plan->chosen = best.base;
  plan->is_opened = best.opened;
  plan->head_length = best.head_length;
  plan->sections = best.sections;
  plan->coding = best.coding;
  plan->base_file = best.base_file;
  plan->is_taught = best.coding.prediction == PREDICT_MODULE;
  if (plan->is_taught) return;
  coding_free(&plan->coding);
  source_file_free(&plan->base_file);
  source_file_free(&plan->new_file);
}

void plan_write_again(struct plan *plan, struct predictor *predictor) {
  struct sections again = {0};
  bytes_append(&again.control, plan->sections.control.data, plan->head_length);
  coding_write(&plan->coding, predictor, &again);
  sections_free(&plan->sections);
  plan->sections = again;
}

size_t plan_memory(uint64_t size, uint64_t base_size_max) {
  /* The contents (a .gz opened and closed), what coding takes, the winner's and one more candidate's sections. */
  uint64_t contents = 2 * (size + base_size_max) + 3 * (uint64_t)OPENED_SIZE_MAX;
  return (size_t)(contents + coding_memory((size_t)size, (size_t)base_size_max));
}

void plan_free(struct plan *plan) {
  sections_free(&plan->sections);
  coding_free(&plan->coding);
  source_file_free(&plan->new_file);
  source_file_free(&plan->base_file);
}
