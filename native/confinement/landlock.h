/* Landlock: which files this process may open. Its calls go by number, since musl has none of them. */
#ifndef LANDLOCK_H
#define LANDLOCK_H

/* The version that this kernel has, or 0 with errno. */
int landlock_version(void);

/*
 * From now on only what is below one of `read` (a list that ends in NULL) may be read, and what is below
 * `change` (or NULL) changed as well. Needs no_new_privs. 0, or the errno.
 */
int landlock_restrict(int version, char *const *read, const char *change);

/* Before the second version a file can't be linked or moved from one folder to another under any rule. */
#define LANDLOCK_VERSION_MIN 2

#endif
