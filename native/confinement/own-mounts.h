/*
 * A view of the disks for this process alone: everything is read-only but for one folder, in which nothing
 * can be executed, and nowhere is a device one. It closes what Landlock leaves open (modes, owners and
 * attributes of files), what `CAP_MKNOD` would open in a tree, and the devices of a kernel without Landlock.
 */
#ifndef OWN_MOUNTS_H
#define OWN_MOUNTS_H

#include <stdbool.h>

/*
 * All but `changed` is read-only; NULL: everything is.
 *
 * Where the mounts of `/` are shared, as systemd has them, what is unmounted is gone from here then, too.
 * Where they are private, this view is a copy, which keeps its disks in use: those that hold `changed` or one
 * of `read` (a list that ends in NULL), and only if this process `may_hold` them. 0, or the errno (ENOTSUP:
 * it may not); then nothing is read-only that was not.
 */
int own_mounts(const char *changed, char *const *read, bool may_hold);

/*
 * For a program that changes nothing: everything is read-only, and devices are what they were. Of disks whose
 * mounts are private, those are left that hold `needed` or what systems are made of. 0, or the errno.
 */
int own_mounts_read_only(const char *needed);

/* Whether something was mounted or unmounted since, outside of a copy that does not show it. */
bool own_mounts_outdated(void);

#endif
