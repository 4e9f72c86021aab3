/* The common ground of the walking jobs; see walk.h. */
#include "walk.h"

#include <unistd.h>

#include "../files/entries.h"
#include "job-options.h"

int walk_open(JSContext *context, struct walk *walk, JSValueConst options) {
  *walk = (struct walk){.manifest = -1, .live_manifest = -1, .tree.root = -1, .live_tree.root = -1};
  int tree;
  if (fd_option(context, options, "manifest", &walk->manifest)) return -1;
  if (walk->manifest < 0) {
    JS_ThrowTypeError(context, "manifest is missing");
    return -1;
  }
  if (fd_option(context, options, "tree", &tree)) return -1;
  walk->tree.root = walk->tree.parent = tree;
  JSValue times = JS_GetPropertyStr(context, options, "times");
  int failed = JS_IsException(times) || disk_times_from_js(context, times, &walk->tree.times);
  JS_FreeValue(context, times);
  if (failed) return -1;
  walk->live_tree.times = walk->tree.times;
  if (live_option(context, options, &walk->live_manifest, &walk->live_tree)) return -1;
  walk->reader = manifest_reader_new(context, walk->manifest);
  walk->entry = walk->reader ? js_malloc(context, sizeof *walk->entry) : NULL;
  if (!walk->entry) return -1;
  groups_open(&walk->groups);
  return walk->live_manifest < 0 ? 0 : live_lines_open(context, &walk->live, walk->live_manifest);
}

void walk_release(JSRuntime *runtime, struct walk *walk) {
  live_lines_close(runtime, &walk->live);
  js_free_rt(runtime, walk->reader);
  js_free_rt(runtime, walk->entry);
  groups_release(&walk->groups);
  tree_close(&walk->tree);
  tree_close(&walk->live_tree);
  if (walk->manifest >= 0) close(walk->manifest);
  if (walk->live_manifest >= 0) close(walk->live_manifest);
}
