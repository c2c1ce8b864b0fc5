/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/fs: a new file system as a detached mount (fsopen, fsconfig, fsmount), and
 * mount(2) for the few requests that fsconfig cannot carry. It must not know the plan or any path
 * of the container. Called by special.c, cgroup.c and mask.c.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* fsconfig(2) copies keys and string values of at most 256 bytes with the NUL (fs/fsopen.c). */
#define FSCONFIG_TEXT_MAX 255
/* mount(2) copies one page. */
#define MOUNT2_DATA_MAX 4096

static const struct {
	uint64_t flag;
	const char *word;
} sb_words[] = {{MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"}, {MS_LAZYTIME, "lazytime"}};

static bool is_long_lowerdir(const struct root_fs *f, const struct root_data *d)
{
	return str_eq(f->type, "overlay") && str_eq(d->key, "lowerdir") && d->value &&
	       strlen(d->value) > FSCONFIG_TEXT_MAX;
}

bool root_fs_needs_mount2(const struct root_fs *f)
{
	if (f->sb & MS_I_VERSION)
		return true;
	if (f->source && strlen(f->source) > FSCONFIG_TEXT_MAX)
		return true;
	for (size_t i = 0; i < f->n_data; i++)
		if (strlen(f->data[i].key) > FSCONFIG_TEXT_MAX ||
		    (f->data[i].value && strlen(f->data[i].value) > FSCONFIG_TEXT_MAX))
			return true;
	return false;
}

/* The layer that ends before `end`; overlayfs escapes colons by a backslash. */
static size_t layer_len(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != ':')
		n += s[n] == '\\' && s[n + 1] ? 2 : 1;
	return n;
}

/*
 * overlayfs takes its layers one by one since 6.7 ("lowerdir+", after "::" "datadir+"), so that a
 * long list fits. -EINVAL on older kernels or with a layer that is too long itself.
 */
static int set_layers(int fs_fd, const char *list)
{
	const char *key = "lowerdir+";
	int r = 0;

	while (r == 0 && *list) {
		char layer[FSCONFIG_TEXT_MAX + 1];
		size_t n = layer_len(list), k = 0;

		if (n == 0) {
			key = "datadir+";
		} else {
			/* Escapes are of the joined form only. */
			for (size_t i = 0; i < n && k < sizeof(layer) - 1; i++) {
				i += list[i] == '\\' && i + 1 < n;
				layer[k++] = list[i];
			}
			layer[k] = '\0';
			r = k == sizeof(layer) - 1
				    ? -EINVAL
				    : sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, key, layer, 0);
		}
		list += n;
		list += *list == ':';
	}
	return r;
}

/* The first layer or directory of an overlay that is not there: the kernel does not say which. */
bool root_fs_missing(const struct root_fs *f, char *ret, size_t size)
{
	for (size_t i = 0; str_eq(f->type, "overlay") && i < f->n_data; i++) {
		const struct root_data *d = &f->data[i];
		bool is_list = str_eq(d->key, "lowerdir");

		if (!d->value ||
		    !(is_list || str_eq(d->key, "upperdir") || str_eq(d->key, "workdir")))
			continue;
		for (const char *s = d->value; *s;) {
			size_t n = is_list ? layer_len(s) : strlen(s);
			struct stat st;

			snprintf(ret, size, "%.*s", (int)n, s);
			if (n && n < size && fstatat(AT_FDCWD, ret, &st, 0) < 0 &&
			    errno == ENOENT) {
				snprintf(ret, size, "%s \"%.*s\" does not exist", d->key, (int)n,
					 s);
				return true;
			}
			s += n;
			s += *s == ':';
		}
	}
	return false;
}

static int set_data(int fs_fd, const struct root_fs *f)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n_data; i++) {
		const struct root_data *d = &f->data[i];

		if (is_long_lowerdir(f, d))
			r = set_layers(fs_fd, d->value);
		else if (d->value)
			r = sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, d->key, d->value, 0);
		else
			r = sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, d->key, NULL, 0);
	}
	return r;
}

/* Those that the file system must know itself; MS_RDONLY is set by configure(). */
static int set_flags(int fs_fd, const struct root_fs *f)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(sb_words) / sizeof(sb_words[0]); i++)
		if (f->sb & sb_words[i].flag)
			r = sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, sb_words[i].word, NULL, 0);
	return r;
}

static int configure(int fs_fd, const struct root_fs *f)
{
	int r = 0;

	if (f->source)
		r = sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", f->source, 0);
	if (r == 0)
		r = set_flags(fs_fd, f);
	if (r == 0 && (f->sb & MS_RDONLY))
		r = sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	if (r == 0)
		r = set_data(fs_fd, f);
	if (r == 0)
		r = sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return r;
}

/* The kernel's own explanation, "e overlay: ..." without its level. */
static void read_log(int fs_fd, char *text, size_t n)
{
	char line[256];
	ssize_t k;

	while ((k = read(fs_fd, line, sizeof(line) - 1)) > 2) {
		while (k > 2 && (line[k - 1] == '\n' || line[k - 1] == '\0'))
			k--;
		line[k] = '\0';
		if (line[0] == 'e' || text[0] == '\0')
			snprintf(text, n, "%s", line + 2);
	}
}

int root_fs_make(const struct root_fs *f, int *ret_tree_fd, char *log_text, size_t n)
{
	AUTO_FD fs_fd = sys_fsopen(f->type, FSOPEN_CLOEXEC);
	int r;

	if (n)
		log_text[0] = '\0';
	if (fs_fd < 0)
		return fs_fd;
	r = configure(fs_fd, f);
	if (r == 0)
		r = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, f->attr);
	if (r < 0) {
		if (n)
			read_log(fs_fd, log_text, n);
		return r;
	}
	*ret_tree_fd = r;
	return 0;
}

int root_fs_reconfigure(const struct root_fs *f, int mount_fd, char *log_text, size_t n)
{
	AUTO_FD fs_fd = sys_fspick(mount_fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	int r = fs_fd;

	log_text[0] = '\0';
	if (r < 0)
		return r;
	r = set_flags(fs_fd, f);
	if (r == 0)
		r = set_data(fs_fd, f);
	if (r == 0)
		r = sys_fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	if (r < 0)
		read_log(fs_fd, log_text, n);
	return r;
}

static unsigned long mount2_flags(const struct root_fs *f)
{
	static const struct {
		unsigned attr;
		unsigned long flag;
	} rows[] = {
		{MOUNT_ATTR_RDONLY, MS_RDONLY},		{MOUNT_ATTR_NOSUID, MS_NOSUID},
		{MOUNT_ATTR_NODEV, MS_NODEV},		{MOUNT_ATTR_NOEXEC, MS_NOEXEC},
		{MOUNT_ATTR_NOATIME, MS_NOATIME},	{MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
		{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW}};
	unsigned long flags = f->sb;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (f->attr & rows[i].attr)
			flags |= rows[i].flag;
	return flags;
}

int root_fs_mount2(const struct root_fs *f, int target_fd)
{
	AUTO(buf) data = {0};
	int r = 0;

	for (size_t i = 0; i < f->n_data; i++) {
		const char *v = f->data[i].value;
		bool is_quoted = v && strchr(v, ',');

		buf_printf(&data, "%s%s%s%s%s%s", i ? "," : "", f->data[i].key, v ? "=" : "",
			   is_quoted ? "\"" : "", v ? v : "", is_quoted ? "\"" : "");
	}
	if (data.len >= MOUNT2_DATA_MAX)
		return -E2BIG;
	/* By the working directory: the only way to give mount(2) a target that is not a path. */
	if (fchdir(target_fd) < 0)
		return -errno;
	if (mount(f->source ? f->source : "none", ".", f->type, mount2_flags(f),
		  data.len ? data.data : NULL) < 0)
		r = -errno;
	if (chdir("/") < 0 && r == 0)
		r = -errno;
	return r;
}
