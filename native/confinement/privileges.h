/* What a process gives up by itself: gaining privileges, and the capabilities of root. */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>

/* From now on no program that is executed gives more rights than there are. 0, or the errno. */
int privileges_gain_none(void);

/* Keeps of root's capabilities those to make a tree, or to write into anybody's folder. 0, or the errno. */
int privileges_drop(bool makes_trees);

#endif
