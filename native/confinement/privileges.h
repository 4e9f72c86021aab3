/* What a process gives up by itself: gaining privileges, and the capabilities of root. */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

enum work { WORK_READS, WORK_WRITES, WORK_MAKES_TREES };

/* From now on no program that is executed gives more rights than there are. 0, or the errno. */
int privileges_gain_none(void);

/*
 * Keeps of root's capabilities those to read anybody's files, to write into anybody's folder, or to make a tree.
 * 0, or the errno.
 */
int privileges_drop(enum work work);

#endif
