/* The functions of native:files that take an open descriptor and no path; files.c has the table. */
#ifndef FILES_HANDLES_H
#define FILES_HANDLES_H

#include "native.h"

NATIVE(handle_close);
NATIVE(handle_stat_handle);
NATIVE(handle_read);
NATIVE(handle_write);
NATIVE_WITH(handle_sync, whole);
NATIVE(handle_space);
NATIVE(handle_lock);
NATIVE(handle_is_terminal);
NATIVE(handle_terminal_width);

#endif
