/* Which lines of a manifest an index of digests holds; see digest-choice.h. */
#include "digest-choice.h"

#include <errno.h>
#include <unistd.h>

#include "budget.h"
#include "job-options.h"

static int open_filter(JSContext *context, struct digest_filter *filter, int manifest) {
  if (digest_filter_open(filter, manifest) == 0) return 0;
  if (errno == ENOMEM) budget_throw(context, &budget_manifest);
  else throw_system_error(context, "stat", "manifest", errno);
  return -1;
}

/* A first name of a file; others have no content of their own. */
static bool has_content(const struct entry *entry) {
  return entry->format == S_IFREG && !entry->follower;
}

/* Adds the content of the lines of `target` that `manifest` lacks. -1 with an exception. */
static int learn_wanted(JSContext *context, struct digest_filter *wanted, int target,
                        int manifest) {
  struct live_lines others = {0};
  struct manifest_reader *reader = manifest_reader_new(context, target);
  struct entry *entry = reader ? js_malloc(context, sizeof *entry) : NULL;
  int result = -1;
  if (!entry || live_lines_open(context, &others, manifest)) goto out;
  for (;;) {
    enum read_result read = manifest_next_path(context, reader, entry);
    if (read != READ_ENTRY) {
      result = read == READ_END ? 0 : -1;
      goto out;
    }
    enum live_match match = live_lines_match(context, &others, reader, entry);
    if (match == LIVE_FAILED) goto out;
    if (match == LIVE_SAME) continue;
    const char *problem = entry_parse(entry, reader->line, reader->line_length);
    if (problem) {
      throw_manifest_error(context, reader->line_number, reader->line, reader->line_length,
                           problem);
      goto out;
    }
    if (has_content(entry)) digest_filter_add(wanted, entry->digest);
  }
out:
  live_lines_close(JS_GetRuntime(context), &others);
  js_free(context, entry);
  js_free(context, reader);
  return result;
}

/* Meets the content of all lines. -1 with an exception. */
static int learn_repeated(JSContext *context, struct digest_choice *choice, int manifest) {
  struct manifest_reader *reader = manifest_reader_new(context, manifest);
  struct entry *entry = reader ? js_malloc(context, sizeof *entry) : NULL;
  int result = -1;
  while (entry) {
    enum read_result read = manifest_next(context, reader, entry);
    if (read != READ_ENTRY) {
      result = read == READ_END ? 0 : -1;
      break;
    }
    if (!has_content(entry)) continue;
    bool met = digest_filter_has(&choice->once, entry->digest);
    digest_filter_add(met ? &choice->again : &choice->once, entry->digest);
  }
  js_free(context, entry);
  js_free(context, reader);
  digest_filter_release(&choice->once);
  return result;
}

int digest_choice_open(JSContext *context, struct digest_choice *choice, int manifest,
                       JSValueConst options) {
  *choice = (struct digest_choice){.without = -1, .wanted_by = -1};
  if (JS_IsUndefined(options)) return 0;
  if (fd_option(context, options, "without", &choice->without) ||
      fd_option(context, options, "wantedBy", &choice->wanted_by) ||
      get_bool_property(context, options, "repeated", &choice->repeated)) {
    return -1;
  }
  if (choice->without >= 0 && live_lines_open(context, &choice->others, choice->without)) {
    return -1;
  }
  if (choice->wanted_by >= 0) {
    if (open_filter(context, &choice->wanted, choice->wanted_by) ||
        learn_wanted(context, &choice->wanted, choice->wanted_by, manifest)) {
      return -1;
    }
  }
  if (!choice->repeated) return 0;
  if (open_filter(context, &choice->once, manifest) ||
      open_filter(context, &choice->again, manifest)) {
    return -1;
  }
  return learn_repeated(context, choice, manifest);
}

void digest_choice_release(JSRuntime *runtime, struct digest_choice *choice) {
  live_lines_close(runtime, &choice->others);
  digest_filter_release(&choice->wanted);
  digest_filter_release(&choice->once);
  digest_filter_release(&choice->again);
  if (choice->without >= 0) close(choice->without);
  if (choice->wanted_by >= 0) close(choice->wanted_by);
}

int digest_choice_takes(JSContext *context, struct digest_choice *choice,
                        const struct manifest_reader *reader, const struct entry *entry) {
  if (choice->without >= 0) {
    enum live_match match = live_lines_match(context, &choice->others, reader, entry);
    if (match == LIVE_FAILED) return -1;
    if (match == LIVE_SAME) return 0;
  }
  if (!has_content(entry)) return 0;
  if (choice->wanted_by >= 0 && !digest_filter_has(&choice->wanted, entry->digest)) return 0;
  return !choice->repeated || digest_filter_has(&choice->again, entry->digest);
}
