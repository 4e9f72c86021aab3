/* Faults of ours (a wild pointer, an abort) in the first process of a machine. */
#ifndef FAULTS_H
#define FAULTS_H

/* Makes each one more way to host_fail: the kernel would end the first process for it, and panic. */
void catch_faults(void);

#endif
