/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/systemd_bus: the connection to systemd's manager object (org.freedesktop.systemd1(5)):
 * which instance, which socket, and jobs with their end by signal. It must not know limits or
 * cgroups. Called by systemd.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

#define SYSTEM_BUS     "/run/dbus/system_bus_socket"
#define SYSTEM_PRIVATE "/run/systemd/private"
#define OPEN_MS	       10000

static const char dest[] = "org.freedesktop.systemd1", object[] = "/org/freedesktop/systemd1",
		  manager[] = "org.freedesktop.systemd1.Manager",
		  properties[] = "org.freedesktop.DBus.Properties";

void cg_bus_done(struct cg_bus *b)
{
	dbus_done(&b->d);
}

/* ---- which instance ---- */

/* Our user as the initial namespace, or the one around us, numbers it. */
static uint64_t outer_uid(void)
{
	char text[4096];
	uint64_t uid = geteuid(), v[3];

	if (file_read_kernel(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text)) <= 0)
		return uid;
	for (const char *s = text; *s;) {
		size_t i = 0;

		for (; i < 3; i++) {
			s += strspn(s, " ");
			size_t n = strspn(s, "0123456789");

			if (num_u64n(s, n, &v[i]) < 0)
				return uid;
			s += n;
		}
		if (uid >= v[0] && uid - v[0] < v[2])
			return v[1] + (uid - v[0]);
		s += *s == '\n';
	}
	return uid;
}

/* The sockets of a user's own instance, best first. Return: how many. */
struct socket_path {
	char path[128];
	bool is_bus;
};
static size_t user_sockets(struct socket_path ret[3])
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *dir = getenv("XDG_RUNTIME_DIR");
	size_t n = 0;

	if (address && dbus_address(address, ret[n].path, sizeof(ret[n].path)) == 0)
		ret[n++].is_bus = true;
	for (int i = 0; dir && dir[0] == '/' && i < 2; i++) {
		int r = snprintf(ret[n].path, sizeof(ret[n].path), "%s/%s", dir,
				 i ? "systemd/private" : "bus");

		ret[n].is_bus = i == 0;
		n += r > 0 && (size_t)r < sizeof(ret[n].path);
	}
	return n;
}

bool cg_bus_is_user(void)
{
	struct socket_path s[3];

	if (geteuid() != 0)
		return true;
	if (outer_uid() == 0)
		return false;
	/* Root of a user namespace: a rootless engine's, which brings its user's environment, or
	 * that of a container with a systemd of its own. */
	size_t n = user_sockets(s);

	for (size_t i = 0; i < n; i++)
		if (s[i].path[0] == '/' && access(s[i].path, W_OK) == 0)
			return true;
	return false;
}

/* ---- jobs ---- */

static void on_signal(const struct dbus_msg *m, void *arg)
{
	struct cg_bus *b = arg;
	struct dbus_in in = m->body;

	if (!str_eq(m->member, "JobRemoved") || !str_eq(m->iface, manager) ||
	    !str_eq(m->sig, "uoss") || (b->sender[0] && !str_eq(m->sender, b->sender)))
		return;
	(void)dbus_get_u32(&in);
	const char *job = dbus_get_str(&in), *unit = dbus_get_str(&in), *result = dbus_get_str(&in);

	if (in.is_bad || !str_eq(unit, b->unit))
		return;
	/* It may come before the reply that names the job: until then the last one is kept. */
	if (b->knows_job && !str_eq(b->job, job))
		return;
	b->is_done = true;
	str_copy(b->job, sizeof(b->job), job);
	str_copy(b->result, sizeof(b->result), result);
}

static int watch(struct cg_bus *b, bool is_bus, struct err *e)
{
	static const char rule[] = "type='signal',sender='org.freedesktop.systemd1',"
				   "interface='org.freedesktop.systemd1.Manager',"
				   "member='JobRemoved',path='/org/freedesktop/systemd1'";
	AUTO(buf) body = {0};
	AUTO(dbus_msg) m = {0};
	const struct dbus_call c = {"org.freedesktop.DBus",
				    "/org/freedesktop/DBus",
				    "org.freedesktop.DBus",
				    "AddMatch",
				    "s",
				    &body};

	b->d.on_signal = on_signal;
	b->d.arg = b;
	/* A direct connection gets all signals. */
	if (!is_bus)
		return 0;
	dbus_put_str(&body, rule);
	int r = dbus_call(&b->d, &c, CG_BUS_CALL_MS, NULL, e);

	if (r == 0)
		r = cg_bus_call(b, "Subscribe", NULL, NULL, &m, e);
	if (r == 0 && str_copy(b->sender, sizeof(b->sender), m.sender) < 0)
		r = err_set(e, ERR_KERNEL, EBADMSG, "systemd: its name on the bus is too long");
	return r;
}

/* ---- opening ---- */

static int open_system(struct cg_bus *b, bool *ret_is_bus, struct err *e)
{
	struct err second = ERR_INIT;

	*ret_is_bus = true;
	if (dbus_open(&b->d, SYSTEM_BUS, true, OPEN_MS, e) == 0)
		return 0;
	*ret_is_bus = false;
	if (dbus_open(&b->d, SYSTEM_PRIVATE, false, OPEN_MS, &second) < 0)
		return err_prefix(e, "reach systemd (is it process 1 here?)");
	err_clear(e);
	return 0;
}

static int open_user(struct cg_bus *b, bool *ret_is_bus, struct err *e)
{
	struct socket_path s[3];
	size_t n = user_sockets(s);
	int r = -1;

	for (size_t i = 0; i < n && r < 0; i++) {
		struct err later = ERR_INIT;

		*ret_is_bus = s[i].is_bus;
		r = dbus_open(&b->d, s[i].path, s[i].is_bus, OPEN_MS, i ? &later : e);
	}
	if (r == 0) {
		err_clear(e);
		return 0;
	}
	if (n)
		return err_prefix(e, "reach the user's systemd");
	return err_set(e, ERR_MISSING, ENOENT,
		       "reach the user's systemd: neither DBUS_SESSION_BUS_ADDRESS nor "
		       "XDG_RUNTIME_DIR is set (log in, or `loginctl enable-linger`; or use "
		       "--cgroup-manager=cgroupfs)");
}

int cg_bus_open(struct cg_bus *b, bool is_user, const char *unit, struct err *e)
{
	bool is_bus = true;

	*b = (struct cg_bus){.d = DBUS_INIT, .unit = unit, .is_user = is_user};
	int r = is_user ? open_user(b, &is_bus, e) : open_system(b, &is_bus, e);

	if (r == 0 && unit)
		r = watch(b, is_bus, e);
	if (r < 0)
		cg_bus_done(b);
	return r;
}

/* ---- calls ---- */

/* clang-format off */
static const struct {
	const char *name; /* behind the last dot */
	int code;
} errors[] = {
	{"NoSuchUnit",	 ENOENT},
	{"UnitExists",	 EEXIST},
	{"AccessDenied", EACCES},
	{"InteractiveAuthorizationRequired", EACCES},
	{"InvalidArgs",	 EINVAL},
	{"PropertyReadOnly", EINVAL},
	{"UnknownProperty", EINVAL},
};
/* clang-format on */

static int told(const struct cg_bus *b, const char *method, const struct dbus_msg *m, struct err *e)
{
	const char *dot = m->error ? strrchr(m->error, '.') : NULL;

	for (size_t i = 0; dot && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (str_eq(dot + 1, errors[i].name))
			e->code = errors[i].code;
	return b->unit ? err_prefix(e, "systemd: %s %s", method, b->unit)
		       : err_prefix(e, "systemd: %s", method);
}

int cg_bus_call(struct cg_bus *b, const char *method, const char *sig, const struct buf *body,
		struct dbus_msg *ret, struct err *e)
{
	AUTO(dbus_msg) m = {0};
	const struct dbus_call c = {dest, object, manager, method, sig, body};
	int r = dbus_call(&b->d, &c, CG_BUS_CALL_MS, &m, e);

	if (r < 0)
		return told(b, method, &m, e);
	if (ret) {
		dbus_msg_done(ret);
		*ret = m;
		m = (struct dbus_msg){0};
	}
	return 0;
}

int cg_bus_job(struct cg_bus *b, const char *method, const char *sig, const struct buf *body,
	       struct err *e)
{
	AUTO(dbus_msg) m = {0};

	b->is_done = b->knows_job = false;
	b->job[0] = b->result[0] = '\0';
	int r = cg_bus_call(b, method, sig, body, &m, e);

	if (r < 0)
		return r;
	const char *job = str_eq(m.sig, "o") ? dbus_get_str(&m.body) : "";

	/* The signal of another job of the unit that ended meanwhile. */
	if (b->is_done && !str_eq(b->job, job))
		b->is_done = false;
	str_copy(b->job, sizeof(b->job), job);
	b->knows_job = true;
	r = dbus_wait(&b->d, &b->is_done, CG_BUS_JOB_MS, e);
	if (r < 0)
		return err_prefix(e, "systemd: %s %s", method, b->unit);
	if (str_eq(b->result, "done"))
		return 0;
	return err_set(e, ERR_KERNEL, EIO, "systemd: %s %s: the job's result is \"%s\"", method,
		       b->unit, b->result);
}

int cg_bus_manager_str(struct cg_bus *b, const char *name, char *ret, size_t size, struct err *e)
{
	AUTO(buf) body = {0};
	AUTO(dbus_msg) m = {0};
	const struct dbus_call c = {dest, object, properties, "Get", "ss", &body};

	dbus_put_str(&body, manager);
	dbus_put_str(&body, name);
	int r = dbus_call(&b->d, &c, CG_BUS_CALL_MS, &m, e);

	if (r < 0)
		return err_prefix(e, "systemd: its %s", name);
	const char *type = dbus_get_sig(&m.body), *v = dbus_get_str(&m.body);

	if (!str_eq(type, "s") || m.body.is_bad || str_copy(ret, size, v) < 0)
		return err_set(e, ERR_KERNEL, EBADMSG, "systemd: its %s: not understood", name);
	return 0;
}

int cg_bus_version(struct cg_bus *b, unsigned *ret, struct err *e)
{
	char text[128];
	uint64_t v;
	int r = cg_bus_manager_str(b, "Version", text, sizeof(text), e);

	if (r < 0)
		return r;
	const char *s = text + (text[0] == 'v');

	*ret = num_u64n(s, strspn(s, "0123456789"), &v) == 0 && v < 100000 ? (unsigned)v : 0;
	return 0;
}
