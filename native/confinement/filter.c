/*
 * See filter.h. A list of what is allowed, since what is not known here is not needed: what our code and
 * musl call on any kernel from 2.6.30 on, on all machines that we build for. What is refused is EPERM,
 * so that the program fails as it does where something is forbidden, and says so.
 */
#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define MACHINE AUDIT_ARCH_I386
#elif defined(__arm__)
#define MACHINE AUDIT_ARCH_ARM
#else
#error "name the machine as the kernel's audit does"
#endif
/* Calls of the same kernel under other numbers, which no list of ours would match. */
#define X32_BIT 0x40000000

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
/* musl does without it then; its flags lie in memory, where no filter sees them. */
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)
#define SOCKET_TYPE_MASK 0xf
#define INSTRUCTIONS_MAX 640

/* linux/fs.h and linux/btrfs.h by number: what native/files asks of a file. */
static const uint32_t requests[] = {
    _IOR('f', 1, long),
    _IOW('f', 2, long), /* flags of a file */
    0x40049409,         /* FICLONE */
    0x5000940f,         /* a subvolume destroyed */
    0x4008941a,         /* its flags */
    TIOCGWINSZ,
    0x5401, /* TCGETS: is it a terminal? */
    0x8933,
    0x8910, /* an interface's number and name */
};

struct program {
  struct sock_filter code[INSTRUCTIONS_MAX];
  unsigned short length;
};

static void put(struct program *program, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
  if (program->length == INSTRUCTIONS_MAX) return;
  program->code[program->length++] = (struct sock_filter){code, yes, no, value};
}

static void load(struct program *program, size_t offset) {
  put(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The lower half of an argument: all machines here are little-endian, and what it is asked for is an int. */
static void load_argument(struct program *program, int index) {
  load(program, offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)index);
}

static void finish(struct program *program, uint32_t verdict) {
  put(program, BPF_RET | BPF_K, verdict, 0, 0);
}

/* If what is loaded is `value`: the verdict. */
static void on_value(struct program *program, uint32_t value, uint32_t verdict) {
  put(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
  finish(program, verdict);
}

/* If it has any of `bits`: the verdict. */
static void on_bits(struct program *program, uint32_t bits, uint32_t verdict) {
  put(program, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
  finish(program, verdict);
}

/* Begins what holds for one call: `close_call` says where it ends. */
static unsigned short open_call(struct program *program, uint32_t number) {
  put(program, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 0);
  return program->length;
}

static void close_call(struct program *program, unsigned short start, uint32_t verdict) {
  finish(program, verdict);
  program->code[start - 1].jf = (uint8_t)(program->length - start);
}

/* Of memory: what can be executed is there from the start. */
static void add_memory_call(struct program *program, uint32_t number) {
  unsigned short start = open_call(program, number);
  load_argument(program, 2);
  on_bits(program, PROT_EXEC, REFUSED);
  close_call(program, start, SECCOMP_RET_ALLOW);
}

/* Only with this first argument. */
static void add_call_with(struct program *program, uint32_t number, uint32_t value) {
  unsigned short start = open_call(program, number);
  load_argument(program, 0);
  on_value(program, value, SECCOMP_RET_ALLOW);
  close_call(program, start, REFUSED);
}

/*
 * The network, and what getifaddrs and if_nametoindex need. No stream to a program of this machine: as
 * root it would do whatever it is asked for.
 */
static void add_socket(struct program *program) {
  unsigned short start = open_call(program, SYS_socket);
  load_argument(program, 0);
  on_value(program, AF_INET, SECCOMP_RET_ALLOW);
  on_value(program, AF_INET6, SECCOMP_RET_ALLOW);
  on_value(program, AF_NETLINK, SECCOMP_RET_ALLOW);
  put(program, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
  finish(program, REFUSED);
  load_argument(program, 1);
  put(program, BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE_MASK, 0, 0);
  on_value(program, SOCK_DGRAM, SECCOMP_RET_ALLOW);
  close_call(program, start, REFUSED);
}

static void add_ioctl(struct program *program) {
  unsigned short start = open_call(program, SYS_ioctl);
  load_argument(program, 1);
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    on_value(program, requests[i], SECCOMP_RET_ALLOW);
  }
  close_call(program, start, REFUSED);
}

/* A thread is no new process: names are looked up in one. */
static void add_clone(struct program *program) {
  unsigned short start = open_call(program, SYS_clone);
  load_argument(program, 0);
  on_bits(program, CLONE_THREAD, SECCOMP_RET_ALLOW);
  close_call(program, start, REFUSED);
#ifdef SYS_clone3
  on_value(program, SYS_clone3, UNKNOWN);
#endif
}

#ifdef SYS_socketcall
/* One call for all that sockets do, with arguments where no filter sees them: only a kernel before 4.3 needs it. */
static void add_socketcall(struct program *program) {
  int probe = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe >= 0) close(probe);
  else if (errno == ENOSYS) on_value(program, SYS_socketcall, SECCOMP_RET_ALLOW);
}
#endif

static void add_calls(struct program *program, const uint32_t *calls, size_t count) {
  for (size_t i = 0; i < count; i++) on_value(program, calls[i], SECCOMP_RET_ALLOW);
}

static void build(struct program *program, bool changes) {
  load(program, offsetof(struct seccomp_data, arch));
  put(program, BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
  finish(program, REFUSED);
  load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
  put(program, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
  finish(program, REFUSED);
#endif
  add_calls(program, calls_allowed, calls_allowed_count);
  if (changes) add_calls(program, calls_changing, calls_changing_count);
  add_ioctl(program);
#ifdef SYS_mmap2
  add_memory_call(program, SYS_mmap2);
#endif
#ifdef SYS_mmap
  add_memory_call(program, SYS_mmap);
#endif
  add_memory_call(program, SYS_mprotect);
  if (changes) add_socket(program);
#ifdef SYS_socketcall
  add_socketcall(program);
#endif
  add_clone(program);
  add_call_with(program, SYS_prlimit64, 0);
  /* It may end itself with a signal, and nobody else. */
  add_call_with(program, SYS_tkill, (uint32_t)getpid());
  add_call_with(program, SYS_tgkill, (uint32_t)getpid());
  finish(program, REFUSED);
}

int filter_install(bool changes) {
  static struct program program;
  program.length = 0;
  build(&program, changes);
  if (program.length == INSTRUCTIONS_MAX) return E2BIG;
  struct sock_fprog given = {program.length, program.code};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &given) ? errno : 0;
}
