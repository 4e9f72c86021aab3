/* The functions of native:files that take an open descriptor and no path; files.c has the table. */
#ifndef FILES_HANDLES_H
#define FILES_HANDLES_H

#include "../../runtime/host/module.h"

JSValue handle_close(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_stat_handle(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_read(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_write(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_sync(JSContext *context, JSValueConst self, int count, JSValueConst *values,
                    int whole);
JSValue handle_space(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_lock(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_is_terminal(JSContext *context, JSValueConst self, int count, JSValueConst *values);
JSValue handle_terminal_width(JSContext *context, JSValueConst self, int count,
                              JSValueConst *values);

#endif
