/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_top: the field table of config.json's top level, mounts and hooks (config.md). Owns names,
 * kinds and what one row alone can check; what takes several is in rules.c. Called by load.c.
 */
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
#define T struct spec_root
static const struct json_row root_rows[] = {
	J_STR(T, path, "path", JF_REQ | JF_NONEMPTY),
	J_BOOL(T, readonly, "readonly", 0),
};
#undef T
static J_TABLE(root_table, spec_root, root_rows);

#define T struct spec_mount
static const struct json_row mount_rows[] = {
	J_STR(T, destination, "destination", JF_REQ | JF_NONEMPTY),
	J_STR(T, type, "type", 0),
	J_STR(T, source, "source", 0),
	J_STRS(T, options, "options", 0),
	J_OBJS(T, uid_mappings, "uidMappings", 0, spec_id_mapping, &spec_table_id_mapping),
	J_OBJS(T, gid_mappings, "gidMappings", 0, spec_id_mapping, &spec_table_id_mapping),
};
#undef T
static J_TABLE(mount_table, spec_mount, mount_rows);

#define T struct spec_hook
static const struct json_row hook_rows[] = {
	J_STR(T, path, "path", JF_REQ | JF_ABS), /* H05 */
	J_STRS(T, args, "args", 0),
	J_STRS(T, env, "env", 0),
	J_I64(T, timeout, "timeout", 0),
};
#undef T
static J_TABLE(hook_table, spec_hook, hook_rows);

#define T struct spec_hooks
#define HOOKS(kind_, key) J_OBJS(T, kind[kind_], key, 0, spec_hook, &hook_table)
static const struct json_row hooks_rows[] = {
	HOOKS(SPEC_HOOK_PRESTART, "prestart"),
	HOOKS(SPEC_HOOK_CREATE_RUNTIME, "createRuntime"),
	HOOKS(SPEC_HOOK_CREATE_CONTAINER, "createContainer"),
	HOOKS(SPEC_HOOK_START_CONTAINER, "startContainer"),
	HOOKS(SPEC_HOOK_POSTSTART, "poststart"),
	HOOKS(SPEC_HOOK_POSTSTOP, "poststop"),
};
#undef T
J_TABLE(spec_table_hooks, spec_hooks, hooks_rows);

#define T struct spec_config
static const struct json_row config_rows[] = {
	J_STR(T, oci_version, "ociVersion", JF_REQ),
	J_OBJ(T, process, "process", 0, spec_process, &spec_table_process),
	J_OBJ(T, root, "root", JF_REQ, spec_root, &root_table), /* G05 */
	J_STR(T, hostname, "hostname", 0),
	J_STR(T, domainname, "domainname", 0),
	J_OBJS(T, mounts, "mounts", 0, spec_mount, &mount_table),
	J_OBJ(T, hooks, "hooks", 0, spec_hooks, &spec_table_hooks),
	J_STRMAP(T, annotations, "annotations", 0),
	J_OBJ(T, linux_, "linux", 0, spec_linux, &spec_table_linux),
	J_OTHER_OS("windows"), /* G14 */
	J_OTHER_OS("vm"),
	J_OTHER_OS("solaris"),
	J_OTHER_OS("freebsd"),
	J_OTHER_OS("zos"),
};
#undef T
J_TABLE(spec_table_config, spec_config, config_rows);

/* The document of `mounts add`: that section alone. */
#define T struct spec_config
static const struct json_row mounts_rows[] = {
	J_OBJS(T, mounts, "mounts", JF_REQ, spec_mount, &mount_table),
};
#undef T
J_TABLE(spec_table_mounts, spec_config, mounts_rows);
/* clang-format on */
