/* What a program gives up that only reads, before it is executed. */
#ifndef READER_H
#define READER_H

/* As far as the kernel has it: any change to a file, and all privileges but those to read, one folder `needed` included. */
void reader_give_up(const char *needed);

#endif
