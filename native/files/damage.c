/* See damage.h. src/errors.ts has the same list. */
#include "damage.h"

#include <errno.h>

bool is_damage(int error) {
  return error == EIO || error == EBADMSG || error == EUCLEAN || error == ENOKEY;
}
