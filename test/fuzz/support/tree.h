/* Folders for targets that work on trees: of each process alone, and removed at its end. */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

/* An empty folder, open. */
int fuzz_folder(const char *name);

/* Removes what is in an open folder. */
void fuzz_empty(int folder);

#endif
