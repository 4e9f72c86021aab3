/* Words of a command line and variables, from JavaScript to execve. */
#ifndef WORDS_H
#define WORDS_H

#include "quickjs.h"

/* The array of byte strings in the property `name`, ended by NULL; or NULL with an exception. */
char **words_from_js(JSContext *context, JSValueConst object, const char *name);

/* NULL is fine. */
void words_free(JSContext *context, char **words);

#endif
