/* See calls.h. What only some machines have stands apart; old headers lack the newest ones. */
#include "calls.h"

#include <sys/syscall.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

const uint32_t calls_allowed[] = {
    /* Reading and writing. */
    SYS_read,
    SYS_write,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_poll,
    SYS_ppoll,
    SYS_close,
    SYS_recvmsg,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_sendto,
    /* Names and what they stand for. */
    SYS_openat,
    SYS_openat2,
    SYS_open,
    SYS_fstat,
    SYS_stat,
    SYS_lstat,
    SYS_statx,
    SYS_lseek,
    SYS_getdents64,
    SYS_getdents,
    SYS_readlinkat,
    SYS_readlink,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_access,
    SYS_lgetxattr,
    SYS_fgetxattr,
    SYS_getxattr,
    SYS_llistxattr,
    SYS_flistxattr,
    SYS_listxattr,
    SYS_flock,
    SYS_fstatfs,
    SYS_statfs,
    SYS_umask,
    SYS_getcwd,
    SYS_fchdir,
    /* Descriptors. */
    SYS_fcntl,
    SYS_dup,
    SYS_dup2,
    SYS_dup3,
    SYS_pipe,
    SYS_pipe2,
    SYS_signalfd4,
    /* The network. */
    SYS_accept4,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getpeername,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_socketpair,
    SYS_recvmmsg,
    SYS_sendmmsg,
    /* Memory. */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_membarrier,
    /* Time. */
    SYS_nanosleep,
    SYS_restart_syscall,
    /* Threads and signals. */
    SYS_futex,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_yield,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_rt_sigtimedwait,
    SYS_exit,
    SYS_exit_group,
    /* Who and where it is. */
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrandom,
#ifndef __LP64__
    SYS_ppoll_time64,
    SYS_fstatat64,
    SYS_fstat64,
    SYS_stat64,
    SYS_lstat64,
    SYS__llseek,
    SYS_fstatfs64,
    SYS_statfs64,
    SYS_fcntl64,
    SYS_clock_gettime64,
    SYS_clock_nanosleep_time64,
    SYS_futex_time64,
    SYS_sigreturn,
    SYS_rt_sigtimedwait_time64,
    SYS_getuid32,
    SYS_geteuid32,
    SYS_getgid32,
    SYS_getegid32,
    SYS_ugetrlimit,
    SYS_clock_gettime32,
    SYS_gettimeofday_time32,
    SYS_clock_nanosleep_time32,
#endif
#ifdef __LP64__
    SYS_newfstatat,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_clock_nanosleep,
#endif
#ifdef SYS_accept
    SYS_accept,
#endif
#ifdef SYS_recv
    SYS_recv,
#endif
#ifdef SYS_send
    SYS_send,
#endif
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_getrlimit
    SYS_getrlimit,
#endif
};

const size_t calls_allowed_count = sizeof calls_allowed / sizeof *calls_allowed;

const uint32_t calls_changing[] = {
    /* Trees. */
    SYS_linkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_rename,
    SYS_unlinkat,
    SYS_unlink,
    SYS_rmdir,
    SYS_mkdirat,
    SYS_mkdir,
    SYS_symlinkat,
    SYS_symlink,
    SYS_link,
    SYS_mknodat,
    SYS_mknod,
    /* Metadata. */
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchmodat2,
    SYS_chmod,
    SYS_fchown,
    SYS_fchownat,
    SYS_lchown,
    SYS_chown,
    SYS_utimensat,
    /* Attributes. */
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_setxattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_removexattr,
    /* Content as a whole. */
    SYS_copy_file_range,
    SYS_ftruncate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_syncfs,
    SYS_sync,
    /* The network, where this process begins the talk. */
    SYS_connect,
    SYS_bind,
    SYS_listen,
#ifndef __LP64__
    SYS_fchown32,
    SYS_lchown32,
    SYS_chown32,
    SYS_utimensat_time64,
    SYS_ftruncate64,
#endif
};

const size_t calls_changing_count = sizeof calls_changing / sizeof *calls_changing;
