/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_tree_probe: do both hosts see the same storage? The source puts a file there, the
 * destination looks for it. Called by mig_source.c and mig_target.c. */
#include "checkpoint/mig_tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "base/ban.h"

static int random_hex(char ret[33])
{
	unsigned char raw[16];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return -EIO;
	for (unsigned i = 0; i < 16; i++) {
		ret[2 * i] = "0123456789abcdef"[raw[i] >> 4];
		ret[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
	}
	ret[32] = '\0';
	return 0;
}

#define NAME ".stiva-probe-"

int mig_tree_probe_write(int root_fd, struct mig_probe *ret, struct err *e)
{
	char hex[33];

	*ret = (struct mig_probe){.name = NAME};
	if (random_hex(hex) < 0 || random_hex(ret->text) < 0)
		return err_sys(e, EIO, "read random bytes");
	memcpy(ret->name + sizeof(NAME) - 1, hex, sizeof(hex));
	/* "." and not the descriptor: it may be O_PATH. */
	AUTO_FD dir_fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = dir_fd < 0
			     ? dir_fd
			     : openat(dir_fd, ret->name,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "make a file to see whether the storage is shared");
	int r = fd_write_all(fd, ret->text, strlen(ret->text));

	/* A network's file system tells its server now, not when it likes. */
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0) {
		(void)fsync(dir_fd);
		return 0;
	}
	mig_tree_probe_remove(root_fd, ret);
	return err_sys(e, r, "write a file to see whether the storage is shared");
}

bool mig_tree_probe_look(int root_fd, const struct mig_probe *p)
{
	AUTO(buf) text = {0};

	/* What comes from the other host names a probe and nothing else. */
	if (!str_starts(p->name, NAME) || strchr(p->name, '/') ||
	    strlen(p->text) != sizeof(p->text) - 1)
		return false;
	AUTO_FD dir_fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir_fd >= 0 && file_read_at(dir_fd, p->name, sizeof(p->text), &text) >= 0 &&
	       text.data && str_eq(text.data, p->text);
}

void mig_tree_probe_remove(int root_fd, const struct mig_probe *p)
{
	if (str_starts(p->name, NAME))
		(void)unlinkat(root_fd, p->name, 0);
}
