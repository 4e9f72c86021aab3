/* Multicast: which groups a UDP socket hears, and where it sends to one. */
#include "groups.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

/* A group that was joined before is joined, too. */
static int join_on(int fd, const struct socket_address *group, unsigned index) {
  int status;
  if (group->any.sa_family == AF_INET6) {
    struct ipv6_mreq six = {.ipv6mr_interface = index};
    six.ipv6mr_multiaddr = ((const struct sockaddr_in6 *)&group->storage)->sin6_addr;
    status = setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof six);
  } else {
    struct ip_mreqn four = {.imr_ifindex = (int)index};
    four.imr_multiaddr = ((const struct sockaddr_in *)&group->storage)->sin_addr;
    status = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof four);
  }
  return status < 0 && errno != EADDRINUSE ? -1 : 0;
}

int group_join(int fd, const struct socket_address *group, unsigned index) {
  if (index != 0) return join_on(fd, group, index);
  struct ifaddrs *all;
  if (getifaddrs(&all) < 0) return -1;
  int joined = 0, failure = ENODEV;
  for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr || entry->ifa_addr->sa_family != group->any.sa_family) continue;
    if (!(entry->ifa_flags & IFF_UP) || !(entry->ifa_flags & IFF_MULTICAST)) continue;
    unsigned found = if_nametoindex(entry->ifa_name);
    if (found != 0 && join_on(fd, group, found) == 0) joined++;
    else failure = errno;
  }
  freeifaddrs(all);
  errno = failure;
  return joined > 0 ? 0 : -1;
}

int group_send_by(int fd, int family, unsigned index) {
  if (family == AF_INET6) {
    return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
  }
  struct ip_mreqn four = {.imr_ifindex = (int)index};
  return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &four, sizeof four);
}
