/* What JavaScript wishes of a pack (PackWork of pack-coder.d.ts), as C has it. */
#ifndef PACK_CODER_PACK_WISH_H
#define PACK_CODER_PACK_WISH_H

#include "native.h"
#include "pack.h"

/* Everything but whom to tell. -1 with an exception; to be freed in any case. */
int pack_wish_read(JSContext *context, JSValueConst work, struct pack *pack);
void pack_wish_free(JSContext *context, struct pack *pack);

#endif
