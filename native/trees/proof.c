/*
 * What a run has proved of the tree that it builds; see proof.h.
 *
 * An entry is proved when this process has looked at the very inode that has its name in the new tree,
 * after it got that name, and found it as its line says: one stat and one list of attributes. Of content
 * it says no more than `verify` would: a file is proved if its inode is the live tree's under the same
 * line, whose content is not read again, or if it was hashed while it was written.
 *
 * Power cuts: it is in memory alone, and ends with the process. Whoever stages again begins without
 * one, and what stands there then is looked at again, and hashed unless it is the live tree's inode.
 *
 * Edits: whoever edits a shared inode of the running tree after the look changes both trees, as does
 * who edits it between `verify` and the next start; nothing can prevent that. So that this time
 * does not grow with a slow line, the caller does not use a proof that is old.
 *
 * Two names of one inode that the manifest has as two files: the inodes of all proved files are in one
 * set, so no job proves two of them, and an unproved file that turns out to be one of them makes
 * `verify` drop the proof and look at everything. Names of hard links are never proved.
 *
 * Nothing but this process writes to the new tree, which has the store's lock.
 */
#include "proof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../files/entries.h"
#include "budget.h"
#include "job-options.h"
#include "manifest-reader.h"
#include "module.h"
#include "trees.h"

#define BYTES_FIRST 1024

static JSClassID proof_class;

static void proof_finalize(JSRuntime *runtime, JSValue value) {
  proof_release(runtime, JS_GetOpaque(value, proof_class));
}

int proof_prepare(JSContext *context) {
  static const JSClassDef definition = {"Proof", .finalizer = proof_finalize};
  return class_register(context, &proof_class, &definition);
}

void proof_release(JSRuntime *runtime, struct proof *proof) {
  if (!proof || --proof->holders > 0) return;
  tree_close(&proof->tree);
  inode_set_release(&proof->inodes);
  budget_free(&budget_manifest, proof->bits);
  js_free_rt(runtime, proof->entry);
  js_free_rt(runtime, proof);
}

NATIVE(proof_open) {
  int32_t tree;
  if (JS_ToInt32(context, &tree, arguments[0])) return JS_EXCEPTION;
  struct proof *proof = js_mallocz(context, sizeof *proof);
  if (!proof) return JS_EXCEPTION;
  proof->holders = 1;
  proof->tree.root = -1;
  JSValue object = JS_EXCEPTION;
  proof->entry = js_malloc(context, sizeof *proof->entry);
  if (!proof->entry) goto out;
  if (tree_open(&proof->tree, tree)) {
    throw_system_error(context, "fcntl", "tree", errno);
    goto out;
  }
  if (disk_times_from_js(context, arguments[1], &proof->tree.times)) goto out;
  object = JS_NewObjectClass(context, (int)proof_class);
out:
  if (JS_IsException(object)) proof_release(JS_GetRuntime(context), proof);
  else JS_SetOpaque(object, proof);
  return object;
}

NATIVE(proof_close) {
  struct proof *proof = JS_GetOpaque(arguments[0], proof_class);
  if (!proof) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  proof_release(JS_GetRuntime(context), proof);
  return JS_UNDEFINED;
}

int proof_argument(JSContext *context, JSValueConst value, struct proof **proof) {
  *proof = NULL;
  if (JS_IsUndefined(value)) return 0;
  *proof = JS_GetOpaque2(context, value, proof_class);
  if (!*proof) return -1;
  (*proof)->holders++;
  return 0;
}

int proof_option(JSContext *context, JSValueConst options, struct proof **proof) {
  JSValue value = JS_GetPropertyStr(context, options, "proof");
  int failed = JS_IsException(value) || proof_argument(context, value, proof);
  JS_FreeValue(context, value);
  return failed ? -1 : 0;
}

bool proof_holds(const struct proof *proof, uint64_t number) {
  if (!proof || number / 8 >= proof->bytes) return false;
  return (proof->bits[number / 8] >> (number % 8) & 1) != 0;
}

bool proof_has_inode(const struct proof *proof, const struct stat *status) {
  return proof && status->st_nlink > 1 && inode_set_has(&proof->inodes, status);
}

/* Room for the bit of an entry. */
static int grow(struct proof *proof, uint64_t number) {
  size_t bytes = proof->bytes ? proof->bytes : BYTES_FIRST;
  while (bytes <= number / 8) bytes *= 2;
  if (bytes == proof->bytes) return 0;
  uint8_t *bits = budget_resize(&budget_manifest, proof->bits, bytes);
  if (!bits) return -1;
  memset(bits + proof->bytes, 0, bytes - proof->bytes);
  proof->bits = bits;
  proof->bytes = bytes;
  return 0;
}

int proof_add(struct proof *proof, uint64_t number, const struct stat *status) {
  if (grow(proof, number)) return -1;
  bool shared = S_ISREG(status->st_mode) && status->st_nlink > 1;
  if (shared && inode_set_add(&proof->inodes, status)) return -1;
  proof->bits[number / 8] |= (uint8_t)(1 << (number % 8));
  return 0;
}

/* A file whose content was hashed while it was written, and where it was written to. */
struct arrival {
  uint64_t number;
  int fd;
  int directory;
  const char *name;
};

/* Sets what the file doesn't have by what it `had`, and looks at it. */
static int set_and_look(int fd, const struct stat *had, const struct metadata *metadata,
                        struct stat *status, const char **call) {
  if (metadata_set_open(fd, had, metadata, call)) return -1;
  *call = "stat";
  return fstat(fd, status);
}

static int set_as_it_came(struct proof *proof, int fd, const struct metadata *metadata,
                          struct stat *status, const char **call) {
  *call = "stat";
  if (fstat(fd, &proof->arrived)) return -1;
  proof->has_arrived = true;
  return set_and_look(fd, &proof->arrived, metadata, status, call);
}

/*
 * Files come with the same owner and mode, made by one process in one folder; so they are not asked before each is set,
 * and one that came otherwise is seen by the look that follows, and set again. A set-id bit waits for the owner, which
 * has to be known.
 */
static int set_metadata(struct proof *proof, int fd, struct stat *status, const char **call) {
  const struct entry *entry = proof->entry;
  struct metadata metadata = entry_metadata(entry);
  if (!proof->has_arrived || (entry->mode & (S_ISUID | S_ISGID))) {
    return set_as_it_came(proof, fd, &metadata, status, call);
  }
  if (set_and_look(fd, &proof->arrived, &metadata, status, call)) return -1;
  int wrong = stat_differences(entry, &proof->tree.times, status);
  if (!(wrong & (DIFFERS_MODE | DIFFERS_UID | DIFFERS_GID))) return 0;
  return set_and_look(fd, status, &metadata, status, call);
}

/* Gives the file its metadata and its name in the tree, and looks at it. -1 with an exception. */
static int settle(JSContext *context, struct proof *proof, const struct arrival *file) {
  const struct entry *entry = proof->entry;
  struct stat status;
  const char *call;
  int result = set_metadata(proof, file->fd, &status, &call);
  if (result == 0) {
    call = "rename";
    int parent = tree_parent(&proof->tree, entry);
    result = parent < 0 ? -1 : renameat(file->directory, file->name, parent, entry_name(entry));
  }
  if (result) {
    throw_entry_error(context, call, entry, errno);
    return -1;
  }
  /* Its attributes were listed while they were set. */
  bool proved = entry->links == 1 && status.st_nlink == 1 &&
                stat_differences(entry, &proof->tree.times, &status) == 0;
  if (!proved || proof_add(proof, file->number, &status) == 0) return 0;
  budget_throw(context, &budget_manifest);
  return -1;
}

static int parse_line(JSContext *context, struct proof *proof, JSValueConst undone) {
  size_t length;
  JSValue value = JS_GetPropertyStr(context, undone, "line");
  char *line = JS_IsException(value) ? NULL : bytes_from_js(context, value, &length);
  JS_FreeValue(context, value);
  if (!line) return -1;
  const char *problem = entry_parse(proof->entry, line, length);
  if (problem) throw_manifest_error(context, 0, line, length, problem);
  js_free(context, line);
  return problem ? -1 : 0;
}

NATIVE(proof_settle) {
  struct proof *proof = JS_GetOpaque2(context, arguments[0], proof_class);
  struct arrival file;
  int64_t number;
  if (!proof || get_int64_property(context, arguments[1], "number", &number)) return JS_EXCEPTION;
  if (number < 1 || number > UINT32_MAX) {
    return JS_ThrowRangeError(context, "%" PRId64 " is no number of an entry", number);
  }
  if (JS_ToInt32(context, &file.fd, arguments[2]) ||
      JS_ToInt32(context, &file.directory, arguments[3]) ||
      parse_line(context, proof, arguments[1])) {
    return JS_EXCEPTION;
  }
  char *name = bytes_from_js(context, arguments[4], NULL);
  if (!name) return JS_EXCEPTION;
  file.number = (uint64_t)number;
  file.name = name;
  int failed = settle(context, proof, &file);
  js_free(context, name);
  return failed ? JS_EXCEPTION : JS_UNDEFINED;
}
