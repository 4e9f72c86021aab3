/* The part of native:sending's table that is about the list to be sent. */
#ifndef SENDING_LIST_H
#define SENDING_LIST_H

#include "native.h"
#include "sent-list.h"

/* Registers the class of lists. -1 with an exception. */
int sending_list_prepare(JSContext *context);

/* The list, which must be in one of these stages; NULL with an exception. */
struct sent_list *sent_list_from_js(JSContext *context, JSValueConst value,
                                    unsigned allowed_stages);

NATIVE(sending_open_sent_list);
NATIVE(sending_add_place);
NATIVE(sending_add_entry);
NATIVE(sending_add_made);
NATIVE(sending_walk_list);
NATIVE(sending_end_sent_list);
NATIVE(sending_drain_list);
NATIVE(sending_list_drained);
NATIVE(sending_sent_summary);
NATIVE(sending_sent_at);
NATIVE(sending_close_sent_list);

#endif
