/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/systemd: what the files of the systemd manager share. It is one of the managers behind
 * manager.c; nobody else in the room looks in here.
 */
#ifndef STIVA_CGROUPS_SYSTEMD_H
#define STIVA_CGROUPS_SYSTEMD_H

#include "base/dbus.h"
#include "cgroups/cgroups.h"
#include "cgroups/knobs.h"

#define CG_BUS_CALL_MS 25000
#define CG_BUS_JOB_MS  60000

/* ---- systemd_name.c: pure ---- */
/* linux.cgroupsPath ("slice:prefix:name", or NULL) to a unit and its slice. Story. */
int cg_systemd_unit(const char *cgroups_path, const char *id, bool is_user, struct cg_place *ret,
		    struct err *e) MUST_CHECK;
/* Appends to ret (CG_PATH_MAX bytes) the place of a slice in the tree: "a-b.slice" is
 * "/a.slice/a-b.slice", "-.slice" is "". Story. */
int cg_systemd_slice_path(const char *slice, char *ret, struct err *e) MUST_CHECK;
/* Appends "/" and a unit's directory name, which differs from the unit's where it would look like a
 * file of the kernel. -ENAMETOOLONG. Leaf. */
int cg_systemd_add_unit(char *path, const char *unit);
/* Bytes of `path`, a container's cgroup, up to and with the directory of its `unit`; 0 when it is
 * not on the way. */
size_t cg_systemd_unit_len(const char *path, const char *unit);
bool cg_systemd_is_slice(const char *unit);

/* ---- gvariant.c: pure ---- */
/* GVariant text ("uint64 5", "['a', 'b']", "true") into a D-Bus variant. `type`: the wanted
 * signature, NULL = what the text says. e's text has no subject. Story. */
int cg_gvariant_put(const char *text, const char *type, struct buf *out, struct err *e) MUST_CHECK;
/* A number of seconds, whole or with a fraction, as microseconds. Story. */
int cg_gvariant_seconds(const char *text, uint64_t *ret, struct err *e) MUST_CHECK;

/* ---- systemd_props.c: pure ---- */
/* Appends one a(sv) element of each kind. */
void cg_props_bool(struct buf *b, const char *name, bool v);
void cg_props_str(struct buf *b, const char *name, const char *v);
void cg_props_u64(struct buf *b, const char *name, uint64_t v);
/* The limits of a plan. version: of systemd. */
void cg_props_plan(const struct knob_plan *p, unsigned version, struct buf *b);
/* DevicePolicy and DeviceAllow: never narrower than our own filter. Story. */
int cg_props_devices(const struct spec_config *conf, struct arena *a, struct buf *b,
		     struct err *e) MUST_CHECK;
/* What makes a unit with the devices of `before` as wide as both. Story. */
int cg_props_devices_wider(const struct spec_config *before, const struct spec_config *now,
			   struct arena *a, struct buf *b, struct err *e) MUST_CHECK;
/* The org.systemd.property.NAME annotations (A01). Story. */
int cg_props_annotations(const struct spec_config *conf, struct buf *b, struct err *e) MUST_CHECK;

/* ---- systemd_bus.c ---- */
struct cg_bus {
	struct dbus d;
	const char *unit; /* borrowed: the one whose jobs are watched */
	bool is_user;
	bool is_done, knows_job;
	char job[128], result[32];
	char sender[128]; /* systemd's own name on a bus, where anybody may send us a signal */
};
void cg_bus_done(struct cg_bus *b);
/* Whether the user instance of systemd is the caller's (rootless), or the system's. */
bool cg_bus_is_user(void);
/* Connects to it and, with a unit, watches its jobs. Story. */
int cg_bus_open(struct cg_bus *b, bool is_user, const char *unit, struct err *e) MUST_CHECK;
/* A string property of the manager object. Story. */
int cg_bus_manager_str(struct cg_bus *b, const char *name, char *ret, size_t size,
		       struct err *e) MUST_CHECK;
/* The number at the begin of the manager's Version. Story. */
int cg_bus_version(struct cg_bus *b, unsigned *ret, struct err *e) MUST_CHECK;
/* Calls a method of the manager. The text says method and unit. Code ENOENT: no such unit; EEXIST:
 * there is one; EACCES. Story. */
int cg_bus_call(struct cg_bus *b, const char *method, const char *sig, const struct buf *body,
		struct dbus_msg *ret, struct err *e) MUST_CHECK;
/* The same for methods that queue a job, and waits for its end; another end than "done" is an
 * error. Story. */
int cg_bus_job(struct cg_bus *b, const char *method, const char *sig, const struct buf *body,
	       struct err *e) MUST_CHECK;

/* ---- systemd.c, and systemd_set.c for a live update: a row of manager.c's table ---- */
/* The unit's own part of a container's path; ret: CG_PATH_MAX bytes. */
void cg_systemd_unit_path(const char *path, const char *unit, char *ret);
/* cg_props_plan() for the systemd on this bus. Story. */
int cg_systemd_put_limits(struct cg_bus *bus, const struct knob_plan *plan, struct buf *b,
			  struct err *e) MUST_CHECK;
int cg_systemd_choose(const struct cg_wish *w, struct cg_place *ret, struct err *e) MUST_CHECK;
int cg_systemd_make(const struct cg_place *p, const struct spec_config *conf, struct cg *ret,
		    struct err *e) MUST_CHECK;
int cg_systemd_admit(const struct cg *c, const struct spec_resources *res,
		     struct err *e) MUST_CHECK;
int cg_systemd_settle(struct cg *c, const struct spec_resources *res, struct err *e) MUST_CHECK;
int cg_systemd_remove(const struct cg_place *p, uint64_t ino, unsigned made_levels,
		      struct err *e) MUST_CHECK;
int cg_systemd_attach(const struct cg *c, const char *path, pid_t pid, struct err *e) MUST_CHECK;
int cg_systemd_devices(const struct cg *c, const struct spec_config *before,
		       const struct spec_config *now, struct err *e) MUST_CHECK;
int cg_systemd_set(const struct cg *c, struct knob_plan *p, enum cg_when when,
		   struct err *e) MUST_CHECK;

#endif
