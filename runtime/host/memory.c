/*
 * QuickJS asks for millions of small pieces and gives them back soon. The C library's malloc locks,
 * checks and searches for each; this one takes them from lists of equal pieces, which is several
 * times faster and holds no header beside each piece. Large pieces still come from malloc.
 *
 * When there is no memory the process ends: QuickJS does not survive that everywhere (it frees the frame
 * of an async function twice, and takes half-made objects for whole ones), and the whole program is
 * made to be ended at any moment.
 *
 * The small pieces are in one region of addresses, cut into slabs; all pieces of a slab have one
 * size, so an address alone tells how large its piece is. Pages that were never touched cost nothing.
 * Only the JavaScript thread may come here.
 */
#include "memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fail.h"

/* Sizes are rounded up to this, which is also the alignment of every piece (bytes). */
#define GRAIN 16u
/* Most objects of QuickJS are below this; what is larger is rare enough for malloc (bytes). */
#define SMALL_MAX 512u
#define CLASS_COUNT (SMALL_MAX / GRAIN)
#define SLAB_SIZE (16u * 1024)
/* As much as JavaScript may ever have; on a 32-bit laptop still an eighth of the addresses (bytes). */
#define REGION_SIZE (sizeof(void *) > 4 ? 512u * 1024 * 1024 : 256u * 1024 * 1024)
#define SLAB_COUNT (512u * 1024 * 1024 / SLAB_SIZE)

/* A free piece: it holds the link to the next one of its size. */
struct piece {
  struct piece *next;
};

static uint8_t *region;
static size_t slabs_used, slabs_max;
/* The size class of each slab. */
static uint8_t class_of_slab[SLAB_COUNT];
static struct piece *free_pieces[CLASS_COUNT];
/* What is left of the newest slab of each class. */
static uint8_t *fresh[CLASS_COUNT], *fresh_end[CLASS_COUNT];

static bool is_small(const void *pointer) {
  return region && (uintptr_t)pointer - (uintptr_t)region < slabs_used * SLAB_SIZE;
}

static size_t small_size(const void *pointer) {
  size_t slab = ((uintptr_t)pointer - (uintptr_t)region) / SLAB_SIZE;
  return (class_of_slab[slab] + 1u) * GRAIN;
}

static bool reserve_region(void) {
  void *reserved = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return false;
  region = reserved;
  slabs_max = REGION_SIZE / SLAB_SIZE;
  return true;
}

/* A piece from a slab that still has some, or from a new one; NULL if the region is used up. */
static void *fresh_piece(size_t class) {
  size_t size = (class + 1) * GRAIN;
  if ((size_t)(fresh_end[class] - fresh[class]) < size) {
    if (!region && !reserve_region()) return NULL;
    if (slabs_used == slabs_max) return NULL;
    class_of_slab[slabs_used] = (uint8_t) class;
    fresh[class] = region + slabs_used * SLAB_SIZE;
    fresh_end[class] = fresh[class] + SLAB_SIZE;
    slabs_used++;
  }
  void *piece = fresh[class];
  fresh[class] += size;
  return piece;
}

static void *memory_malloc(JSMallocState *state, size_t size) {
  if (size == 0) size = 1;
  if (size > state->malloc_limit || state->malloc_size > state->malloc_limit - size) {
    out_of_memory();
  }
  void *pointer = NULL;
  size_t held = 0;
  if (size <= SMALL_MAX) {
    size_t class = (size - 1) / GRAIN;
    struct piece *piece = free_pieces[class];
    if (piece) {
      free_pieces[class] = piece->next;
      pointer = piece;
    } else {
      pointer = fresh_piece(class);
    }
    held = (class + 1) * GRAIN;
  }
  if (!pointer) {
    pointer = malloc(size);
    if (!pointer) out_of_memory();
    held = malloc_usable_size(pointer);
  }
  state->malloc_count++;
  state->malloc_size += held;
  return pointer;
}

static size_t memory_usable_size(const void *pointer) {
  return is_small(pointer) ? small_size(pointer) : malloc_usable_size((void *)pointer);
}

static void memory_free(JSMallocState *state, void *pointer) {
  if (!pointer) return;
  state->malloc_count--;
  state->malloc_size -= memory_usable_size(pointer);
  if (!is_small(pointer)) {
    free(pointer);
    return;
  }
  struct piece *piece = pointer;
  size_t class = small_size(pointer) / GRAIN - 1;
  piece->next = free_pieces[class];
  free_pieces[class] = piece;
}

static void *memory_realloc(JSMallocState *state, void *pointer, size_t size) {
  if (!pointer) return size == 0 ? NULL : memory_malloc(state, size);
  if (size == 0) {
    memory_free(state, pointer);
    return NULL;
  }
  size_t held = memory_usable_size(pointer);
  if (is_small(pointer) ? size <= held && size + GRAIN > held : false) return pointer;
  if (is_small(pointer) || size <= SMALL_MAX) {
    void *moved = memory_malloc(state, size);
    memcpy(moved, pointer, size < held ? size : held);
    memory_free(state, pointer);
    return moved;
  }
  if (size > held && (size - held > state->malloc_limit ||
                      state->malloc_size > state->malloc_limit - (size - held))) {
    out_of_memory();
  }
  void *moved = realloc(pointer, size);
  if (!moved) out_of_memory();
  state->malloc_size += malloc_usable_size(moved) - held;
  return moved;
}

const JSMallocFunctions memory_functions = {
    memory_malloc,
    memory_free,
    memory_realloc,
    memory_usable_size,
};
