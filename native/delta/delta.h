/* What the two halves of native:delta's JavaScript side share. */
#ifndef DELTA_H
#define DELTA_H

#include "fault.h"
#include "quickjs.h"

/* Throws a fault as the contract says. */
JSValue delta_throw_fault(JSContext *context, const struct fault *fault);

int delta_list_prepare(JSRuntime *runtime);

/* The functions of the contract that delta-list.c holds. */
JSValue delta_open_file_list(JSContext *context, JSValueConst self, int count,
                             JSValueConst *arguments);
JSValue delta_feed_list(JSContext *context, JSValueConst self, int count, JSValueConst *arguments);
JSValue delta_list_ended(JSContext *context, JSValueConst self, int count, JSValueConst *arguments);
JSValue delta_list_summary(JSContext *context, JSValueConst self, int count,
                           JSValueConst *arguments);
JSValue delta_find_listed(JSContext *context, JSValueConst self, int count,
                          JSValueConst *arguments);
JSValue delta_listed_at(JSContext *context, JSValueConst self, int count, JSValueConst *arguments);
JSValue delta_close_file_list(JSContext *context, JSValueConst self, int count,
                              JSValueConst *arguments);

#endif
