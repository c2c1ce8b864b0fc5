/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_process: the field table of `process` (config.md), also the document of `exec --process`.
 * Owns names, kinds and single-row checks; the rest is in rules_process.c. Called by load.c.
 */
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
/* 4294967295 is -1, "leave it": setresuid(2) would keep root (B28). */
#define ID_MAX 4294967294

#define T struct spec_console_size
static const struct json_row console_rows[] = {
	J_U64R(T, height, "height", JF_REQ, 0, 65535), /* struct winsize has 16 bits */
	J_U64R(T, width, "width", JF_REQ, 0, 65535),
};
#undef T
static J_TABLE(console_table, spec_console_size, console_rows);

#define T struct spec_user
static const struct json_row user_rows[] = {
	J_U32R(T, uid, "uid", 0, 0, ID_MAX),
	J_U32R(T, gid, "gid", 0, 0, ID_MAX),
	J_U32(T, umask, "umask", 0),
	J_U32SR(T, additional_gids, "additionalGids", 0, 0, ID_MAX),
};
#undef T
static J_TABLE(user_table, spec_user, user_rows);

#define T struct spec_capabilities
static const struct json_row capability_rows[] = { /* P10: unknown names are a warning */
	J_ENUMS(T, bounding, "bounding", JF_WARN, &spec_words_capability),
	J_ENUMS(T, effective, "effective", JF_WARN, &spec_words_capability),
	J_ENUMS(T, inheritable, "inheritable", JF_WARN, &spec_words_capability),
	J_ENUMS(T, permitted, "permitted", JF_WARN, &spec_words_capability),
	J_ENUMS(T, ambient, "ambient", JF_WARN, &spec_words_capability),
};
#undef T
static J_TABLE(capability_table, spec_capabilities, capability_rows);

#define T struct spec_rlimit
static const struct json_row rlimit_rows[] = {
	J_ENUM(T, type, "type", JF_REQ, &spec_words_rlimit),
	J_U64(T, hard, "hard", JF_REQ),
	J_U64(T, soft, "soft", JF_REQ),
};
#undef T
static J_TABLE(rlimit_table, spec_rlimit, rlimit_rows);

#define T struct spec_io_priority
static const struct json_row ioprio_rows[] = {
	J_ENUM(T, class, "class", JF_REQ, &spec_words_ioprio),
	J_I64R(T, priority, "priority", 0, 0, 7),
};
#undef T
static J_TABLE(ioprio_table, spec_io_priority, ioprio_rows);

#define T struct spec_scheduler
static const struct json_row scheduler_rows[] = {
	J_ENUM(T, policy, "policy", JF_REQ, &spec_words_sched_policy),
	J_I64R(T, nice, "nice", 0, -20, 19),
	J_I64R(T, priority, "priority", 0, 0, 99),
	J_ENUMS(T, flags, "flags", 0, &spec_words_sched_flag),
	J_U64(T, runtime, "runtime", 0),
	J_U64(T, deadline, "deadline", 0),
	J_U64(T, period, "period", 0),
};
#undef T
static J_TABLE(scheduler_table, spec_scheduler, scheduler_rows);

#define T struct spec_exec_affinity
static const struct json_row affinity_rows[] = {
	J_STR(T, initial, "initial", 0),
	J_STR(T, final, "final", 0),
};
#undef T
static J_TABLE(affinity_table, spec_exec_affinity, affinity_rows);

#define T struct spec_process
static const struct json_row process_rows[] = {
	J_BOOL(T, terminal, "terminal", 0),
	J_OBJ(T, console_size, "consoleSize", 0, spec_console_size, &console_table),
	J_OBJ(T, user, "user", 0, spec_user, &user_table),
	J_STRS(T, args, "args", JF_REQ | JF_NONEMPTY), /* P06 */
	J_STRS(T, env, "env", 0),
	J_STR(T, cwd, "cwd", JF_REQ | JF_ABS), /* P04 */
	J_OBJ(T, capabilities, "capabilities", 0, spec_capabilities, &capability_table),
	J_OBJS(T, rlimits, "rlimits", 0, spec_rlimit, &rlimit_table),
	J_BOOL(T, no_new_privileges, "noNewPrivileges", 0),
	J_STR(T, apparmor_profile, "apparmorProfile", 0),
	J_I64R(T, oom_score_adj, "oomScoreAdj", 0, -1000, 1000), /* P13 */
	J_STR(T, selinux_label, "selinuxLabel", 0),
	J_OBJ(T, scheduler, "scheduler", 0, spec_scheduler, &scheduler_table),
	J_OBJ(T, io_priority, "ioPriority", 0, spec_io_priority, &ioprio_table),
	J_OBJ(T, exec_cpu_affinity, "execCPUAffinity", 0, spec_exec_affinity, &affinity_table),
	J_OTHER_OS("commandLine"), /* P19 */
};
#undef T
J_TABLE(spec_table_process, spec_process, process_rows);
/* clang-format on */
