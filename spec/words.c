/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/words: every list of words of the OCI documents, each word with the kernel's number. One
 * list serves the parser, the printer, `features` and whoever makes system calls of a config. Owns
 * the texts; makes no system call. Called through the spec_words_ lists of spec.h.
 *
 * The numbers are the kernel's ABI: where the headers of the oldest build host lack one, it is
 * written out, with the kernel version that brought it.
 */
#include "spec/spec.h"
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include "base/ban.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif
#define RLIMIT_LOCKS_NR		    10 /* glibc hides it behind __RLIMIT_LOCKS */
#define MPOL_WEIGHTED_INTERLEAVE_NR 6  /* Linux 6.9 */

#define WORDS(name, what, rows)                                                                    \
	const struct word_list name = {what, rows, sizeof(rows) / sizeof(rows[0]), ""}

/* clang-format off */
static const struct word ns_rows[] = {
	[SPEC_NS_PID]     = {"pid",     CLONE_NEWPID},
	[SPEC_NS_NETWORK] = {"network", CLONE_NEWNET},
	[SPEC_NS_MOUNT]   = {"mount",   CLONE_NEWNS},
	[SPEC_NS_IPC]     = {"ipc",     CLONE_NEWIPC},
	[SPEC_NS_UTS]     = {"uts",     CLONE_NEWUTS},
	[SPEC_NS_USER]    = {"user",    CLONE_NEWUSER},
	[SPEC_NS_CGROUP]  = {"cgroup",  CLONE_NEWCGROUP},
	[SPEC_NS_TIME]    = {"time",    CLONE_NEWTIME},
};
static const struct word ns_proc_rows[] = {
	[SPEC_NS_PID]     = {"pid",     CLONE_NEWPID},
	[SPEC_NS_NETWORK] = {"net",     CLONE_NEWNET},
	[SPEC_NS_MOUNT]   = {"mnt",     CLONE_NEWNS},
	[SPEC_NS_IPC]     = {"ipc",     CLONE_NEWIPC},
	[SPEC_NS_UTS]     = {"uts",     CLONE_NEWUTS},
	[SPEC_NS_USER]    = {"user",    CLONE_NEWUSER},
	[SPEC_NS_CGROUP]  = {"cgroup",  CLONE_NEWCGROUP},
	[SPEC_NS_TIME]    = {"time",    CLONE_NEWTIME},
};

/* The index is the kernel's number: libcap and /proc/PID/status count the same way. */
#define CAP(name) [CAP_##name] = {"CAP_" #name, CAP_##name}
static const struct word capability_rows[] = {
	CAP(CHOWN), CAP(DAC_OVERRIDE), CAP(DAC_READ_SEARCH), CAP(FOWNER), CAP(FSETID), CAP(KILL),
	CAP(SETGID), CAP(SETUID), CAP(SETPCAP), CAP(LINUX_IMMUTABLE), CAP(NET_BIND_SERVICE),
	CAP(NET_BROADCAST), CAP(NET_ADMIN), CAP(NET_RAW), CAP(IPC_LOCK), CAP(IPC_OWNER),
	CAP(SYS_MODULE), CAP(SYS_RAWIO), CAP(SYS_CHROOT), CAP(SYS_PTRACE), CAP(SYS_PACCT),
	CAP(SYS_ADMIN), CAP(SYS_BOOT), CAP(SYS_NICE), CAP(SYS_RESOURCE), CAP(SYS_TIME),
	CAP(SYS_TTY_CONFIG), CAP(MKNOD), CAP(LEASE), CAP(AUDIT_WRITE), CAP(AUDIT_CONTROL),
	CAP(SETFCAP), CAP(MAC_OVERRIDE), CAP(MAC_ADMIN), CAP(SYSLOG), CAP(WAKE_ALARM),
	CAP(BLOCK_SUSPEND), CAP(AUDIT_READ), CAP(PERFMON), CAP(BPF), CAP(CHECKPOINT_RESTORE),
};
_Static_assert(sizeof(capability_rows) / sizeof(capability_rows[0]) == 41,
	       "CAP_CHECKPOINT_RESTORE, number 40, is the last one of Linux 5.9 to 6.18");

#define RLIM(name) [RLIMIT_##name] = {"RLIMIT_" #name, RLIMIT_##name}
static const struct word rlimit_rows[] = {
	RLIM(CPU), RLIM(FSIZE), RLIM(DATA), RLIM(STACK), RLIM(CORE), RLIM(RSS), RLIM(NPROC),
	RLIM(NOFILE), RLIM(MEMLOCK), RLIM(AS),
	[RLIMIT_LOCKS_NR] = {"RLIMIT_LOCKS", RLIMIT_LOCKS_NR},
	RLIM(SIGPENDING), RLIM(MSGQUEUE), RLIM(NICE), RLIM(RTPRIO), RLIM(RTTIME),
};
WORDS_COMPLETE(rlimit_rows, RLIM_NLIMITS);

static const struct word ioprio_rows[] = {
	{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3},
};

static const struct word sched_policy_rows[] = {
	{"SCHED_OTHER", SCHED_NORMAL}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
	{"SCHED_BATCH", SCHED_BATCH},
	{"SCHED_ISO", 4}, /* reserved by the kernel, never implemented (P16) */
	{"SCHED_IDLE", SCHED_IDLE}, {"SCHED_DEADLINE", SCHED_DEADLINE},
};
static const struct word sched_flag_rows[] = {
	{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
	{"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
	{"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
	{"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
	{"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
	{"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
};

static const struct word propagation_rows[] = {
	[SPEC_PROP_SHARED]      = {"shared",      MS_SHARED},
	[SPEC_PROP_SLAVE]       = {"slave",       MS_SLAVE},
	[SPEC_PROP_PRIVATE]     = {"private",     MS_PRIVATE},
	[SPEC_PROP_UNBINDABLE]  = {"unbindable",  MS_UNBINDABLE},
	[SPEC_PROP_RSHARED]     = {"rshared",     MS_SHARED | MS_REC},
	[SPEC_PROP_RSLAVE]      = {"rslave",      MS_SLAVE | MS_REC},
	[SPEC_PROP_RPRIVATE]    = {"rprivate",    MS_PRIVATE | MS_REC},
	[SPEC_PROP_RUNBINDABLE] = {"runbindable", MS_UNBINDABLE | MS_REC},
};

static const struct word personality_rows[] = {
	{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32},
};

static const struct word mpol_rows[] = {
	{"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_PREFERRED", MPOL_PREFERRED},
	{"MPOL_BIND", MPOL_BIND}, {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
	{"MPOL_LOCAL", MPOL_LOCAL}, {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
	{"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE_NR},
};
static const struct word mpol_flag_rows[] = {
	{"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
	{"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
	{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
};

static const struct word action_rows[] = {
	[SPEC_ACT_KILL]         = {"SCMP_ACT_KILL",         SECCOMP_RET_KILL_THREAD},
	[SPEC_ACT_KILL_PROCESS] = {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
	[SPEC_ACT_KILL_THREAD]  = {"SCMP_ACT_KILL_THREAD",  SECCOMP_RET_KILL_THREAD},
	[SPEC_ACT_TRAP]         = {"SCMP_ACT_TRAP",         SECCOMP_RET_TRAP},
	[SPEC_ACT_ERRNO]        = {"SCMP_ACT_ERRNO",        SECCOMP_RET_ERRNO},
	[SPEC_ACT_TRACE]        = {"SCMP_ACT_TRACE",        SECCOMP_RET_TRACE},
	[SPEC_ACT_ALLOW]        = {"SCMP_ACT_ALLOW",        SECCOMP_RET_ALLOW},
	[SPEC_ACT_LOG]          = {"SCMP_ACT_LOG",          SECCOMP_RET_LOG},
	[SPEC_ACT_NOTIFY]       = {"SCMP_ACT_NOTIFY",       SECCOMP_RET_USER_NOTIF},
};
/* The values are libseccomp's enum scmp_compare, part of its ABI. */
static const struct word op_rows[] = {
	[SPEC_OP_NE] = {"SCMP_CMP_NE", 1}, [SPEC_OP_LT] = {"SCMP_CMP_LT", 2},
	[SPEC_OP_LE] = {"SCMP_CMP_LE", 3}, [SPEC_OP_EQ] = {"SCMP_CMP_EQ", 4},
	[SPEC_OP_GE] = {"SCMP_CMP_GE", 5}, [SPEC_OP_GT] = {"SCMP_CMP_GT", 6},
	[SPEC_OP_MASKED_EQ] = {"SCMP_CMP_MASKED_EQ", 7},
};
static const struct word arch_rows[] = {
	{"SCMP_ARCH_X86",         AUDIT_ARCH_I386},
	{"SCMP_ARCH_X86_64",      AUDIT_ARCH_X86_64},
	{"SCMP_ARCH_X32",         EM_X86_64 | __AUDIT_ARCH_LE},
	{"SCMP_ARCH_ARM",         AUDIT_ARCH_ARM},
	{"SCMP_ARCH_AARCH64",     AUDIT_ARCH_AARCH64},
	{"SCMP_ARCH_MIPS",        AUDIT_ARCH_MIPS},
	{"SCMP_ARCH_MIPS64",      AUDIT_ARCH_MIPS64},
	{"SCMP_ARCH_MIPS64N32",   AUDIT_ARCH_MIPS64N32},
	{"SCMP_ARCH_MIPSEL",      AUDIT_ARCH_MIPSEL},
	{"SCMP_ARCH_MIPSEL64",    AUDIT_ARCH_MIPSEL64},
	{"SCMP_ARCH_MIPSEL64N32", AUDIT_ARCH_MIPSEL64N32},
	{"SCMP_ARCH_PPC",         AUDIT_ARCH_PPC},
	{"SCMP_ARCH_PPC64",       AUDIT_ARCH_PPC64},
	{"SCMP_ARCH_PPC64LE",     AUDIT_ARCH_PPC64LE},
	{"SCMP_ARCH_S390",        AUDIT_ARCH_S390},
	{"SCMP_ARCH_S390X",       AUDIT_ARCH_S390X},
	{"SCMP_ARCH_PARISC",      AUDIT_ARCH_PARISC},
	{"SCMP_ARCH_PARISC64",    AUDIT_ARCH_PARISC64},
	{"SCMP_ARCH_RISCV64",     AUDIT_ARCH_RISCV64},
	{"SCMP_ARCH_LOONGARCH64", AUDIT_ARCH_LOONGARCH64},
	{"SCMP_ARCH_M68K",        AUDIT_ARCH_M68K},
	{"SCMP_ARCH_SH",          AUDIT_ARCH_SHEL}, /* the little-endian one bears the plain name */
	{"SCMP_ARCH_SHEB",        AUDIT_ARCH_SH},
};
static const struct word seccomp_flag_rows[] = {
	[SPEC_SCF_TSYNC]      = {"SECCOMP_FILTER_FLAG_TSYNC",      SECCOMP_FILTER_FLAG_TSYNC},
	[SPEC_SCF_LOG]        = {"SECCOMP_FILTER_FLAG_LOG",        SECCOMP_FILTER_FLAG_LOG},
	[SPEC_SCF_SPEC_ALLOW] = {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	[SPEC_SCF_WAIT_KILLABLE_RECV] = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
					 SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static const struct word status_rows[] = {
	[SPEC_CREATING] = {"creating", 0}, [SPEC_CREATED] = {"created", 0},
	[SPEC_RUNNING] = {"running", 0},   [SPEC_STOPPED] = {"stopped", 0},
	[SPEC_PAUSED] = {"paused", 0},     [SPEC_BROKEN] = {"broken", 0},
};
static const struct word hook_rows[] = {
	[SPEC_HOOK_PRESTART] = {"prestart", 0},
	[SPEC_HOOK_CREATE_RUNTIME] = {"createRuntime", 0},
	[SPEC_HOOK_CREATE_CONTAINER] = {"createContainer", 0},
	[SPEC_HOOK_START_CONTAINER] = {"startContainer", 0},
	[SPEC_HOOK_POSTSTART] = {"poststart", 0},
	[SPEC_HOOK_POSTSTOP] = {"poststop", 0},
};
/* clang-format on */

WORDS_COMPLETE(ns_rows, SPEC_NS_N);
WORDS_COMPLETE(ns_proc_rows, SPEC_NS_N);
WORDS_COMPLETE(propagation_rows, SPEC_PROP_N);
WORDS_COMPLETE(action_rows, SPEC_ACT_N);
WORDS_COMPLETE(op_rows, SPEC_OP_N);
WORDS_COMPLETE(arch_rows, 23); /* as many as runtime-spec 1.3 has */
WORDS_COMPLETE(seccomp_flag_rows, SPEC_SCF_N);
WORDS_COMPLETE(status_rows, SPEC_STATUS_N);
WORDS_COMPLETE(hook_rows, SPEC_HOOK_N);

WORDS(spec_words_ns, "namespace type", ns_rows);
WORDS(spec_words_ns_proc, "namespace file", ns_proc_rows);
WORDS(spec_words_capability, "capability", capability_rows);
WORDS(spec_words_rlimit, "rlimit type", rlimit_rows);
WORDS(spec_words_ioprio, "I/O priority class", ioprio_rows);
WORDS(spec_words_sched_policy, "scheduling policy", sched_policy_rows);
WORDS(spec_words_sched_flag, "scheduling flag", sched_flag_rows);
WORDS(spec_words_propagation, "propagation", propagation_rows);
WORDS(spec_words_personality, "personality domain", personality_rows);
WORDS(spec_words_mpol, "invalid memory policy mode", mpol_rows);
WORDS(spec_words_mpol_flag, "invalid memory policy flag", mpol_flag_rows);
WORDS(spec_words_action, "seccomp action", action_rows);
WORDS(spec_words_op, "seccomp operator", op_rows);
WORDS(spec_words_arch, "seccomp architecture", arch_rows);
WORDS(spec_words_seccomp_flag, "seccomp flag", seccomp_flag_rows);
WORDS(spec_words_status, "container status", status_rows);
WORDS(spec_words_hook, "hook", hook_rows);
