/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/notify: sd_notify(3) out of a container: a proxy socket whose directory is mounted
 * in the container at /run/notify. Only READY=1 passes, with MAINPID of init as the host sees it:
 * nothing else that a container says may steer the service manager.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/ban.h"

#define SOCKET_NAME "notify.sock"

int life_notify_bind(int state_dir_fd, int *ret_fd, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir_path[FD_PROC_MAX];
	AUTO_FD dir = openat(state_dir_fd, LIFE_NOTIFY_DIR,
			     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (dir < 0 || fd < 0)
		return err_sys(e, errno, "make the sd_notify socket");
	/* The container may have put something in its place; it is only a name in its own
	 * directory. */
	(void)unlinkat(dir, SOCKET_NAME, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" SOCKET_NAME, fd_proc_path(dir, dir_path));
	/* Its mode by the umask, not by a chmod afterwards: by then the name may lead elsewhere. */
	mode_t mask = umask(0111);
	int r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? errno : 0;

	umask(mask);
	if (r)
		return err_sys(e, r, "make the sd_notify socket");
	*ret_fd = fd_take(&fd);
	return 0;
}

static void send_ready(pid_t pid)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char text[64];
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path || fd < 0 || str_copy(sa.sun_path, sizeof(sa.sun_path), path) < 0)
		return;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));

	/* An abstract socket is written with '@' (sd_notify(3)). */
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	int n = snprintf(text, sizeof(text), "MAINPID=%d\nREADY=1", (int)pid);

	if (sendto(fd, text, (size_t)n, MSG_NOSIGNAL, (struct sockaddr *)&sa, len) < 0)
		log_warn("sd_notify: send to \"%s\": %s", path, err_words(errno));
}

int life_notify_forward(int notify_fd, pid_t pid)
{
	char text[4097];
	ssize_t n = recv(notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t len = strcspn(line, "\n");

		if (len == 7 && memcmp(line, "READY=1", 7) == 0) {
			send_ready(pid);
			return 1;
		}
	}
	return 0;
}

int life_notify_wait(int notify_fd, int pidfd, pid_t pid, struct err *e)
{
	for (;;) {
		struct pollfd p[] = {{.fd = notify_fd, .events = POLLIN},
				     {.fd = pidfd, .events = POLLIN}};

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for sd_notify");
		if ((p[0].revents & POLLIN) && life_notify_forward(notify_fd, pid))
			return 0;
		if (p[1].revents)
			return 0;
	}
}
