/*
 * A view of the disks for this process alone: everything is read-only, but for one folder, on which no
 * device is one and nothing can be executed. It closes what Landlock leaves open: modes, owners and
 * attributes of files, and devices in a tree. Only where the mounts of `/` are shared, as systemd has
 * them: what is unmounted is gone from here then, too.
 */
#ifndef OWN_MOUNTS_H
#define OWN_MOUNTS_H

/* 0, or the errno (ENOTSUP: the mounts are private); then nothing has changed for this process but the names of the mounts. */
int own_mounts(const char *changed);

#endif
