/* The symbolic name of an errno value ("ENOENT"), or "EUNKNOWN" if the table has none. */
#ifndef ERRNO_NAME_H
#define ERRNO_NAME_H
const char *errno_name(int number);
#endif
