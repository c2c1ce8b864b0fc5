// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/psi: pressure triggers (Documentation/accounting/psi.rst): the kernel wakes whoever polls
 * the fd once tasks of the cgroup have stalled for so long within a window. Owns the grammar of a
 * trigger and what an unprivileged caller has to ask for instead; it must not know what is done
 * about pressure. Called by runtime/life.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cgroups/internal.h"
#include "base/ban.h"

#define TEXT_MAX 64
/* Without CAP_SYS_RESOURCE the kernel (6.5 and later) takes multiples of this only. */
#define UNPRIVILEGED_USEC 2000000u

static const char *const files[] = {
	[CG_PSI_CPU] = "cpu.pressure",
	[CG_PSI_IO] = "io.pressure",
	[CG_PSI_MEMORY] = "memory.pressure",
};
_Static_assert(sizeof(files) / sizeof(files[0]) == CG_PSI_FILE_N, "one per file");

const char *cg_psi_name(enum cg_psi_file f)
{
	return files[f];
}

bool cg_psi_widen(struct cg_psi_trigger *t)
{
	const uint64_t window = t->window_usec;
	const uint64_t wide =
		(window + UNPRIVILEGED_USEC - 1) / UNPRIVILEGED_USEC * UNPRIVILEGED_USEC;

	if (wide == window || window == 0)
		return false;
	t->stall_usec = (uint32_t)(t->stall_usec * wide / window);
	t->window_usec = (uint32_t)wide;
	return true;
}

/* Leaf: one write, with its NUL: the kernel cuts the last byte off. */
static int write_trigger(int fd, const struct cg_psi_trigger *t)
{
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%s %" PRIu32 " %" PRIu32,
			 t->is_full ? "full" : "some", t->stall_usec, t->window_usec);

	return write(fd, text, (size_t)n + 1) < 0 ? -errno : 0;
}

static int refused(const struct cg *c, const struct cg_psi_trigger *t, int r, struct err *e)
{
	const char *file = files[t->file];

	switch (-r) {
	case ENOENT:	 /* not built in; psi=0 since 6.1; cgroup.pressure is 0 */
	case EOPNOTSUPP: /* psi=0 */
		return err_set(e, ERR_MISSING, EOPNOTSUPP,
			       "%s of cgroup \"%s\": the kernel counts no pressure (boot it with "
			       "psi=1, and leave cgroup.pressure 1)",
			       file, c->path);
	case EPERM:
	case EACCES:
		return err_set(e, ERR_MISSING, -r,
			       "%s of cgroup \"%s\": this user may not wait for pressure (before "
			       "Linux 6.5 that takes CAP_SYS_RESOURCE)",
			       file, c->path);
	default:
		return err_sys(e, r,
			       "%s of cgroup \"%s\": wait for %" PRIu32 " us in %" PRIu32 " us",
			       file, c->path, t->stall_usec, t->window_usec);
	}
}

int cg_psi_arm(const struct cg *c, struct cg_psi_trigger *t, int *ret_fd, struct err *e)
{
	AUTO_FD fd = openat(c->dir_fd, files[t->file], O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return refused(c, t, -errno, e);
	int r = write_trigger(fd, t);

	if ((r == -EINVAL || r == -EPERM) && cg_psi_widen(t))
		r = write_trigger(fd, t);
	if (r < 0)
		return refused(c, t, r, e);
	*ret_fd = fd_take(&fd);
	return 0;
}
