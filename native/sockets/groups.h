/* Multicast: which groups a UDP socket hears, and where it sends to one. */
#ifndef GROUPS_H
#define GROUPS_H

#include "addresses.h"

/*
 * Joins the group on the interface of this index; 0: on each one that is up and capable of it, and
 * at least one has to succeed. 0, or -1 with errno.
 */
int group_join(int fd, const struct socket_address *group, unsigned index);

/* Datagrams to groups leave by this interface. 0, or -1 with errno. */
int group_send_by(int fd, int family, unsigned index);

#endif
