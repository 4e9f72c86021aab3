/* The memory of JavaScript: an allocator for one thread and many small objects. */
#ifndef MEMORY_H
#define MEMORY_H

#include "quickjs.h"

extern const JSMallocFunctions memory_functions;

#endif
