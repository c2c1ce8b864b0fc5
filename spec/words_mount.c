/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/words_mount: the mount options that a runtime handles itself (config.md "Linux mount
 * options", conformance.md M07-M20); every other option is data for the file system. One table for
 * the parser of mounts and for features.mountOptions. Knows no system call. Called by
 * runtime/rootfs and spec/features.c.
 *
 * The access-time options share one field of mount attributes (the last one wins), in which
 * "relatime" is zero: so each of them sets the field, by clearing it first. The negative forms go
 * back to the kernel's default, relatime.
 */
#include "spec/spec.h"
#include <linux/mount.h>
#include "base/ban.h"

/* clang-format off */
/* From <sys/mount.h>, which cannot be included along with <linux/mount.h> in glibc 2.36. */
#define SB_SYNCHRONOUS	16
#define SB_DIRSYNC	128
#define SB_SILENT	32768
#define SB_I_VERSION	(1 << 23)
#define SB_LAZYTIME	(1 << 25)
#define PROP_UNBINDABLE	(1 << 17)
#define PROP_PRIVATE	(1 << 18)
#define PROP_SLAVE	(1 << 19)
#define PROP_SHARED	(1 << 20)

#define SET(name, rec, bit)	{name, SPEC_MO_ATTR_SET, rec, MOUNT_ATTR_##bit, 0}
#define CLEAR(name, rec, bit)	{name, SPEC_MO_ATTR_CLEAR, rec, MOUNT_ATTR_##bit, 0}
#define ATIME(name, rec, bit)	{name, SPEC_MO_ATTR_SET, rec, MOUNT_ATTR_##bit, MOUNT_ATTR__ATIME}
#define SB(name, bit)		{name, SPEC_MO_SB_SET, false, SB_##bit, 0}
#define SB_NOT(name, bit)	{name, SPEC_MO_SB_CLEAR, false, SB_##bit, 0}
#define PROP(name, rec, bit)	{name, SPEC_MO_PROPAGATION, rec, PROP_##bit, 0}
#define OTHER(name, rec, kind)	{name, SPEC_MO_##kind, rec, 0, 0}

/* In the order of strcmp(). */
static const struct spec_mount_opt rows[] = {
	SB_NOT("async",		SYNCHRONOUS),
	ATIME("atime",		false, RELATIME),
	OTHER("bind",		false, BIND),
	OTHER("copy-symlink",	false, COPY_SYMLINK),
	OTHER("defaults",	false, NONE),
	OTHER("dest-nofollow",	false, DEST_NOFOLLOW),
	CLEAR("dev",		false, NODEV),
	CLEAR("diratime",	false, NODIRATIME),
	SB("dirsync",		DIRSYNC),
	CLEAR("exec",		false, NOEXEC),
	OTHER("idmap",		false, IDMAP),
	SB("iversion",		I_VERSION),
	SB("lazytime",		LAZYTIME),
	SB_NOT("loud",		SILENT),
	OTHER("mand",		false, NONE), /* mandatory locks left Linux in 5.15 */
	ATIME("noatime",	false, NOATIME),
	SET("nodev",		false, NODEV),
	SET("nodiratime",	false, NODIRATIME),
	SET("noexec",		false, NOEXEC),
	SB_NOT("noiversion",	I_VERSION),
	SB_NOT("nolazytime",	LAZYTIME),
	OTHER("nomand",		false, NONE),
	ATIME("norelatime",	false, RELATIME),
	ATIME("nostrictatime",	false, RELATIME),
	SET("nosuid",		false, NOSUID),
	SET("nosymfollow",	false, NOSYMFOLLOW),
	PROP("private",		false, PRIVATE),
	ATIME("ratime",		true,  RELATIME),
	OTHER("rbind",		true,  BIND),
	CLEAR("rdev",		true,  NODEV),
	CLEAR("rdiratime",	true,  NODIRATIME),
	ATIME("relatime",	false, RELATIME),
	OTHER("remount",	false, REMOUNT),
	CLEAR("rexec",		true,  NOEXEC),
	OTHER("ridmap",		true,  IDMAP),
	ATIME("rnoatime",	true,  NOATIME),
	SET("rnodev",		true,  NODEV),
	SET("rnodiratime",	true,  NODIRATIME),
	SET("rnoexec",		true,  NOEXEC),
	ATIME("rnorelatime",	true,  RELATIME),
	ATIME("rnostrictatime",	true,  RELATIME),
	SET("rnosuid",		true,  NOSUID),
	SET("rnosymfollow",	true,  NOSYMFOLLOW),
	SET("ro",		false, RDONLY),
	PROP("rprivate",	true,  PRIVATE),
	ATIME("rrelatime",	true,  RELATIME),
	SET("rro",		true,  RDONLY),
	CLEAR("rrw",		true,  RDONLY),
	PROP("rshared",		true,  SHARED),
	PROP("rslave",		true,  SLAVE),
	ATIME("rstrictatime",	true,  STRICTATIME),
	CLEAR("rsuid",		true,  NOSUID),
	CLEAR("rsymfollow",	true,  NOSYMFOLLOW),
	PROP("runbindable",	true,  UNBINDABLE),
	CLEAR("rw",		false, RDONLY),
	PROP("shared",		false, SHARED),
	SB("silent",		SILENT),
	PROP("slave",		false, SLAVE),
	OTHER("src-nofollow",	false, SRC_NOFOLLOW),
	ATIME("strictatime",	false, STRICTATIME),
	CLEAR("suid",		false, NOSUID),
	CLEAR("symfollow",	false, NOSYMFOLLOW),
	SB("sync",		SYNCHRONOUS),
	OTHER("tmpcopyup",	false, COPY_UP),
	PROP("unbindable",	false, UNBINDABLE),
};
/* clang-format on */

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

const struct spec_mount_opt *spec_mount_opt_find(const char *name)
{
	size_t lo = 0, hi = N_ROWS;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(name, rows[mid].name);

		if (c == 0)
			return &rows[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct spec_mount_opt *spec_mount_opt_all(size_t *ret_n)
{
	*ret_n = N_ROWS;
	return rows;
}
