/* SPDX-License-Identifier: Apache-2.0 */
/* spec/seccomp: the model of linux.seccomp (config-linux.md). The numbers of actions, operators and
 * architectures are the words' values; libseccomp is not included here, so the words' values are
 * the kernel's SECCOMP_RET_, the SCMP_CMP_ and the AUDIT_ARCH_ numbers. */
#ifndef STIVA_SPEC_SECCOMP_H
#define STIVA_SPEC_SECCOMP_H

#include "base/json.h"

enum spec_seccomp_action {
	SPEC_ACT_KILL,
	SPEC_ACT_KILL_PROCESS,
	SPEC_ACT_KILL_THREAD,
	SPEC_ACT_TRAP,
	SPEC_ACT_ERRNO,
	SPEC_ACT_TRACE,
	SPEC_ACT_ALLOW,
	SPEC_ACT_LOG,
	SPEC_ACT_NOTIFY,
	SPEC_ACT_N
};
enum spec_seccomp_op {
	SPEC_OP_NE,
	SPEC_OP_LT,
	SPEC_OP_LE,
	SPEC_OP_EQ,
	SPEC_OP_GE,
	SPEC_OP_GT,
	SPEC_OP_MASKED_EQ,
	SPEC_OP_N
};
enum spec_seccomp_flag {
	SPEC_SCF_TSYNC,
	SPEC_SCF_LOG,
	SPEC_SCF_SPEC_ALLOW,
	SPEC_SCF_WAIT_KILLABLE_RECV,
	SPEC_SCF_N
};

struct spec_seccomp_arg {
	struct opt_u32 index;
	struct opt_u64 value, value_two;
	struct opt_enum op;
};
OBJ_VEC(spec_seccomp_arg);
struct spec_syscall {
	struct strvec names;
	struct opt_enum action;
	struct opt_u32 errno_ret;
	struct spec_seccomp_arg_vec args;
};
OBJ_VEC(spec_syscall);

struct spec_seccomp {
	struct opt_enum default_action;
	struct opt_u32 default_errno_ret;
	struct enumvec architectures; /* spec_words_arch */
	struct enumvec flags;	      /* v == NULL: absent (then SPEC_ALLOW) */
	char *listener_path, *listener_metadata;
	struct spec_syscall_vec syscalls;
};

#endif
