/* A pack as it is gone through: its manifest, its index, and the files of one stretch after the other. */
#ifndef PACK_H
#define PACK_H

#include "entry-index.h"
#include "file-maker.h"

/* What the pack has next, by the manifests. */
struct packed_file {
  struct file_record record;
  int64_t size;
  uint8_t digest[DIGEST_SIZE];
  char path[PATH_SIZE_MAX];
  char base_path[PATH_SIZE_MAX];
};

struct pack;

/* NULL: no memory (budget_pack). */
struct pack *pack_open(int fd, const char *name);
void pack_close(struct pack *pack);

/* 1; 0: more of the pack is needed; -1 with a fault. */
int pack_rebuild_manifest(struct pack *pack, int old_fd, int target, int64_t size_max,
                          struct file_result *result, struct fault *fault);
/* 1, 0, -1 likewise. old_fd may be -1. */
int pack_open_files(struct pack *pack, int old_fd, int new_fd, struct fault *fault);

struct pack_stretch {
  int64_t start, end;
  /* next: -1: none. */
  int64_t first_entry, next_entry;
};
/* False: the pack ends. After pack_open_files alone. */
bool pack_next_stretch(struct pack *pack, struct pack_stretch *stretch);

/* The next file of the stretch; 0: the stretch ends; -1 with a fault. One that was not made is passed over. */
int pack_next_file(struct pack *pack, const struct packed_file **file, struct fault *fault);
/* Whether there is a file to be made. */
bool pack_has_file(const struct pack *pack);
int pack_make_file(struct pack *pack, int base, int target, struct file_result *result,
                   struct fault *fault);

#endif
