/* The symbolic name of an errno value ("ENOENT"), "EUNKNOWN" where it has none here. */
#ifndef ERRNO_NAME_H
#define ERRNO_NAME_H
const char *errno_name(int number);
#endif
