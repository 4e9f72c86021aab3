/* JavaScript's values that the receiving and the sending half have in common, in C. */
#ifndef DELTA_VALUES_H
#define DELTA_VALUES_H

#include "../checksums/hash.h"
#include "block-sums.h"
#include "compression.h"
#include "quickjs.h"

/* Each returns -1 with an exception. */
int hash_kind_from_js(JSContext *context, JSValueConst value, enum hash_kind *kind);
int compression_from_js(JSContext *context, JSValueConst value, enum compression *compression);
/* Checks it as well: TokenError for an impossible one. */
int sum_head_from_js(JSContext *context, JSValueConst object, struct sum_head *head);

#endif
