/* JavaScript's values for what is in a file system, for the table in files.c. */
#ifndef FILES_ENTRIES_H
#define FILES_ENTRIES_H

#include <stdint.h>
#include <sys/stat.h>

#include "disk-times.h"
#include "metadata.h"
#include "values.h"

JSValue stat_to_js(JSContext *context, const struct stat *status);

/* An array of names from `count` pointers. */
JSValue names_to_js(JSContext *context, char **names, size_t count);

/* Sorts pointers to names by their bytes. */
void sort_names(char **names, size_t count);

/* All attributes of an entry of the working directory. An exception names `path`. */
JSValue xattrs_to_js(JSContext *context, const char *name, const char *path);

/* Metadata from JavaScript; its memory is released by metadata_release. -1 with an exception. */
int metadata_from_js(JSContext *context, JSValueConst value, struct metadata *metadata);
void metadata_release(JSContext *context, struct metadata *metadata);

JSValue disk_times_to_js(JSContext *context, const struct disk_times *times);
/* undefined: every time is held. -1 with an exception. */
int disk_times_from_js(JSContext *context, JSValueConst value, struct disk_times *times);

#endif
