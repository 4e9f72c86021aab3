/* The memory of JavaScript in a host that is built to be tested: each piece is the C library's own. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "quickjs.h"

extern const JSMallocFunctions refusing_functions;

#endif
