/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_state: the field tables of the state object (runtime.md) and of the container process
 * state (config-linux.md, "seccomp"). Owns names and order, which hooks see. Called by runtime/life
 * and runtime/guard through json_print().
 */
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
#define T struct spec_state
static const struct json_row state_rows[] = { /* H12 */
	J_STR(T, oci_version, "ociVersion", JF_REQ),
	J_STR(T, id, "id", JF_REQ | JF_NONEMPTY),
	J_I64(T, pid, "pid", JF_KEEP),
	J_ENUM(T, status, "status", JF_REQ, &spec_words_status),
	J_STR(T, bundle, "bundle", JF_REQ),
	J_STR(T, rootfs, "rootfs", 0),
	J_STR(T, root, "root", 0),
	J_STR(T, created, "created", 0),
	J_STR(T, owner, "owner", 0),
	J_STR(T, systemd_scope, "systemd-scope", 0), /* U92: as crun */
	J_STRMAP(T, annotations, "annotations", 0),
	J_OBJ(T, resources, "resources", 0, spec_resources, &spec_table_resources),
};
#undef T
J_TABLE(spec_table_state, spec_state, state_rows);

#define T struct spec_process_state
static const struct json_row process_state_rows[] = { /* S05 */
	J_STR(T, oci_version, "ociVersion", JF_REQ),
	J_STRS(T, fds, "fds", 0),
	J_I64(T, pid, "pid", JF_REQ),
	J_STR(T, metadata, "metadata", 0),
	J_OBJ(T, state, "state", JF_REQ, spec_state, &spec_table_state),
};
#undef T
J_TABLE(spec_table_process_state, spec_process_state, process_state_rows);
/* clang-format on */
