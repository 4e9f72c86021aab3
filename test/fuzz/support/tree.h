/* Folders for targets that work on trees: made new for each run, and removed again. */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

/* An empty folder of this name, open; whatever was in it is removed. */
int fuzz_folder(const char *name);

/* Removes what is in an open folder. */
void fuzz_empty(int folder);

#endif
