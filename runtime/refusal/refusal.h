/* The memory of JavaScript in a host built for tests: each piece is the C library's own. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "quickjs.h"

extern const JSMallocFunctions refusing_functions;

#endif
