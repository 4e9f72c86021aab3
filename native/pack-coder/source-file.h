/* A file as it is read: its bytes, and where it is a .gz that can be made again byte for byte, what is in it. */
#ifndef PACK_CODER_SOURCE_FILE_H
#define PACK_CODER_SOURCE_FILE_H

#include "matching.h"

struct source_file {
  /* As it is on the disk. */
  struct content closed;
  /* What is in the .gz; `bytes` is NULL where it isn't one, or not one that is worth it. */
  struct content opened;
  /* Of the .gz. */
  size_t header_length;
};

/* Reads a file of exactly this size. -1 with errno: EINVAL for another size. */
int source_file_read(int tree, const char *path, size_t size, struct source_file *file);
/*
 * Looks into a .gz, up to the limit of packs. `exactly`: only if a reader makes the same bytes again out of what is in
 * it, which a base need not.
 */
void source_file_open(struct source_file *file, bool exactly);
void source_file_free(struct source_file *file);

/* What is coded: what is in it, or else all of it. */
struct content source_file_content(const struct source_file *file, bool opened);

#endif
