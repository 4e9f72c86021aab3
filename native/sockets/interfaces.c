/* The network interfaces that are up, with their addresses. Looks only; nothing is changed. */
#include "interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "addresses.h"
#include "module.h"

static socklen_t length_of(const struct sockaddr *address) {
  return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static bool is_shown(const struct ifaddrs *entry) {
  if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP)) return false;
  return entry->ifa_addr->sa_family == AF_INET || entry->ifa_addr->sa_family == AF_INET6;
}

/* How many bits of the address name its network. */
static int prefix_length(const struct ifaddrs *entry) {
  const struct sockaddr *mask = entry->ifa_netmask;
  if (!mask) return 0;
  bool six = entry->ifa_addr->sa_family == AF_INET6;
  const uint8_t *bytes = six ? ((const struct sockaddr_in6 *)mask)->sin6_addr.s6_addr
                             : (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr;
  int length = 0;
  for (int i = 0; i < (six ? 16 : 4); i++) {
    for (unsigned left = bytes[i]; left; left &= left - 1) length++;
  }
  return length;
}

/* The address as `{ family, address, prefixLength, broadcast }`. */
static JSValue entry_to_js(JSContext *context, const struct ifaddrs *entry) {
  JSValue address = address_to_js(context, entry->ifa_addr, length_of(entry->ifa_addr));
  if (!JS_IsObject(address)) return address;
  JSValue broadcast = JS_UNDEFINED;
  const struct sockaddr *all = entry->ifa_broadaddr;
  if ((entry->ifa_flags & IFF_BROADCAST) && all && all->sa_family == AF_INET) {
    JSValue found = address_to_js(context, all, length_of(all));
    if (JS_IsObject(found)) broadcast = JS_GetPropertyStr(context, found, "address");
    JS_FreeValue(context, found);
  }
  JSAtom port = JS_NewAtom(context, "port");
  JS_DeleteProperty(context, address, port, 0);
  JS_FreeAtom(context, port);
  if (JS_IsException(broadcast) || set_property(context, address, "broadcast", broadcast) ||
      set_property(context, address, "prefixLength", JS_NewInt32(context, prefix_length(entry)))) {
    JS_FreeValue(context, address);
    return JS_EXCEPTION;
  }
  return address;
}

/* All addresses of the interface that `first` is of. */
static JSValue addresses_of(JSContext *context, const struct ifaddrs *first) {
  JSValue addresses = JS_NewArray(context);
  if (JS_IsException(addresses)) return addresses;
  uint32_t count = 0;
  for (const struct ifaddrs *entry = first; entry; entry = entry->ifa_next) {
    if (!is_shown(entry) || strcmp(entry->ifa_name, first->ifa_name) != 0) continue;
    JSValue address = entry_to_js(context, entry);
    if (JS_IsUndefined(address)) continue;
    if (JS_IsException(address) ||
        JS_DefinePropertyValueUint32(context, addresses, count++, address, JS_PROP_C_W_E) < 0) {
      JS_FreeValue(context, addresses);
      return JS_EXCEPTION;
    }
  }
  return addresses;
}

static JSValue interface_to_js(JSContext *context, const struct ifaddrs *first) {
  JSValue interface = JS_NewObject(context);
  if (JS_IsException(interface)) return interface;
  bool loopback = (first->ifa_flags & IFF_LOOPBACK) != 0,
       multicast = (first->ifa_flags & IFF_MULTICAST) != 0;
  JSValue addresses = addresses_of(context, first);
  if (JS_IsException(addresses) || set_property(context, interface, "addresses", addresses) ||
      set_property(context, interface, "name",
                   bytes_to_js(context, first->ifa_name, strlen(first->ifa_name))) ||
      set_property(context, interface, "loopback", JS_NewBool(context, loopback)) ||
      set_property(context, interface, "multicast", JS_NewBool(context, multicast))) {
    JS_FreeValue(context, interface);
    return JS_EXCEPTION;
  }
  return interface;
}

static bool came_before(const struct ifaddrs *all, const struct ifaddrs *entry) {
  for (; all != entry; all = all->ifa_next)
    if (is_shown(all) && strcmp(all->ifa_name, entry->ifa_name) == 0) return true;
  return false;
}

NATIVE(interfaces_list) {
  struct ifaddrs *all;
  if (getifaddrs(&all) < 0) {
    int saved_errno = errno;
    return throw_system_error(context, "getifaddrs", NULL, saved_errno);
  }
  JSValue list = JS_NewArray(context);
  uint32_t count = 0;
  for (const struct ifaddrs *entry = all; entry && !JS_IsException(list); entry = entry->ifa_next) {
    if (!is_shown(entry) || came_before(all, entry)) continue;
    JSValue interface = interface_to_js(context, entry);
    if (JS_IsException(interface) ||
        JS_DefinePropertyValueUint32(context, list, count++, interface, JS_PROP_C_W_E) < 0) {
      JS_FreeValue(context, list);
      list = JS_EXCEPTION;
    }
  }
  freeifaddrs(all);
  return list;
}
