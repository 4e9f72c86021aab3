/* The functions of native:delta about file lists, for the table at the end of delta.c. */
#ifndef DELTA_LIST_H
#define DELTA_LIST_H

#include "native.h"

/* Registers the class of lists. -1 with an exception. */
int delta_list_prepare(JSContext *context);

NATIVE(delta_open_file_list);
NATIVE(delta_feed_list);
NATIVE(delta_list_ended);
NATIVE(delta_list_summary);
NATIVE(delta_find_listed);
NATIVE(delta_listed_at);
NATIVE(delta_close_file_list);

#endif
