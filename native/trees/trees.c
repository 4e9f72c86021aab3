/*
 * native:trees, the table. The jobs themselves are in the other files of this folder, and don't know each
 * other.
 */
#include "trees.h"

#include "module.h"

static const JSCFunctionListEntry trees_functions[] = {
    JS_CFUNC_DEF("openReconcile", 1, reconcile_open_job),
    JS_CFUNC_DEF("reconcile", 2, reconcile_step),
    JS_CFUNC_DEF("closeReconcile", 1, reconcile_close_job),
    JS_CFUNC_DEF("extras", 3, extras_find),
    JS_CFUNC_DEF("finishDirectories", 4, directories_finish),
    JS_CFUNC_DEF("openProof", 2, proof_open),
    JS_CFUNC_DEF("settle", 5, proof_settle),
    JS_CFUNC_DEF("closeProof", 1, proof_close),
    JS_CFUNC_DEF("openVerify", 1, verify_open_job),
    JS_CFUNC_DEF("verify", 2, verify_step),
    JS_CFUNC_DEF("closeVerify", 1, verify_close_job),
    JS_CFUNC_DEF("openDigests", 2, digests_open),
    JS_CFUNC_DEF("findDigest", 2, digests_find),
    JS_CFUNC_DEF("closeDigests", 1, digests_close),
    JS_CFUNC_DEF("findLine", 2, find_line),
    JS_CFUNC_DEF("samples", 1, samples_of),
    JS_CFUNC_DEF("openComparison", 1, comparison_open),
    JS_CFUNC_DEF("isUnchanged", 2, comparison_is_unchanged),
    JS_CFUNC_DEF("closeComparison", 1, comparison_close),
};

static int trees_prepare(JSContext *context, UNUSED JSModuleDef *module) {
  if (reconcile_prepare(context) || proof_prepare(context)) return -1;
  if (verify_prepare(context) || comparison_prepare(context)) return -1;
  return digests_prepare(context);
}

MODULE_WITH(trees, trees_functions, trees_prepare)
