/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_seccomp: the field table of linux.seccomp (config-linux.md). Owns names, kinds and
 * single-row checks; the rest is in rules_seccomp.c. Called by load.c.
 */
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
#define T struct spec_seccomp_arg
static const struct json_row arg_rows[] = { /* S10 */
	J_U32R(T, index, "index", JF_REQ, 0, 5),
	J_U64(T, value, "value", JF_REQ),
	J_U64(T, value_two, "valueTwo", 0),
	J_ENUM(T, op, "op", JF_REQ, &spec_words_op),
};
#undef T
static J_TABLE(arg_table, spec_seccomp_arg, arg_rows);

#define T struct spec_syscall
static const struct json_row syscall_rows[] = {
	J_STRS(T, names, "names", JF_REQ | JF_NONEMPTY), /* S07 */
	J_ENUM(T, action, "action", JF_REQ, &spec_words_action), /* S08 */
	J_U32R(T, errno_ret, "errnoRet", 0, 0, 65535), /* SECCOMP_RET_DATA has 16 bits */
	J_OBJS(T, args, "args", 0, spec_seccomp_arg, &arg_table),
};
#undef T
static J_TABLE(syscall_table, spec_syscall, syscall_rows);

#define T struct spec_seccomp
static const struct json_row seccomp_rows[] = {
	J_ENUM(T, default_action, "defaultAction", JF_REQ, &spec_words_action), /* S01 */
	J_U32R(T, default_errno_ret, "defaultErrnoRet", 0, 0, 65535),
	J_ENUMS(T, architectures, "architectures", 0, &spec_words_arch), /* S03 */
	J_ENUMS(T, flags, "flags", 0, &spec_words_seccomp_flag), /* S04 */
	J_STR(T, listener_path, "listenerPath", 0),
	J_STR(T, listener_metadata, "listenerMetadata", 0),
	J_OBJS(T, syscalls, "syscalls", 0, spec_syscall, &syscall_table),
};
#undef T
J_TABLE(spec_table_seccomp, spec_seccomp, seccomp_rows);
/* clang-format on */
