// SPDX-License-Identifier: Apache-2.0
/* probe: sockets that a runtime talks to (console, pidfd, seccomp listener, notify), and their
 * users. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "probe.h"

static int bound(const char *path, int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		die(path);
	memcpy(a.sun_path, path, strlen(path));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
	if (type == SOCK_STREAM && listen(fd, 8) < 0)
		die("listen");
	return fd;
}

/* Receives one message with its descriptors. Return: their number. */
static int receive(int fd, char *text, size_t size, int *fds, size_t max)
{
	char control[CMSG_SPACE(sizeof(int) * 16)];
	struct iovec io = {.iov_base = text, .iov_len = size - 1};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	int count = 0;

	if (n < 0)
		die("recvmsg");
	text[n] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			if ((size_t)count > max)
				die("too many descriptors");
			memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
		}
	return count;
}

/*
 * recvfd SOCKET [hold]: prints "payload TEXT" and "fd TARGET" of the first message of one
 * connection; hold: keeps the descriptors until it is killed
 */
static int cmd_recvfd(int argc, char **argv)
{
	char text[65536], path[64], target[4096];
	int fds[16], n, conn, s;

	if (argc < 2)
		return 2;
	s = bound(argv[1], SOCK_STREAM);
	alarm(20);
	conn = accept(s, NULL, NULL);
	if (conn < 0)
		die("accept");
	n = receive(conn, text, sizeof(text), fds, 16);
	printf("payload %s\n", text);
	for (int i = 0; i < n; i++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[i]);
		len = readlink(path, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		printf("fd %s\n", target);
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[i]);
		FILE *f = fopen(path, "re");
		while (f && fgets(target, sizeof(target), f))
			if (!strncmp(target, "Pid:", 4))
				fputs(target, stdout);
		if (f)
			fclose(f);
	}
	fflush(stdout);
	if (argc > 2 && !strcmp(argv[2], "hold"))
		pause();
	return 0;
}

/* Copies between stdin/stdout and the terminal until it is closed. */
static void relay(int master)
{
	char buf[4096];
	struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = master, .events = POLLIN}};
	ssize_t n;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			die("poll");
		if (p[0].revents) {
			n = read(0, buf, sizeof(buf));
			if (n > 0)
				write_all(master, buf, (size_t)n);
			else
				p[0].fd = -1;
		}
		if (p[1].revents) {
			n = read(master, buf, sizeof(buf));
			if (n <= 0)
				return;
			write_all(1, buf, (size_t)n);
		}
	}
}

/*
 * console SOCKET [ROWSxCOLS]: an engine's end of --console-socket: takes the terminal, sets its
 * size, relays it to stdin and stdout until the last slave is closed.
 */
static int cmd_console(int argc, char **argv)
{
	char text[4096];
	int fds[16], conn, s;

	if (argc < 2)
		return 2;
	s = bound(argv[1], SOCK_STREAM);
	alarm(20);
	conn = accept(s, NULL, NULL);
	if (conn < 0)
		die("accept");
	if (receive(conn, text, sizeof(text), fds, 16) != 1) {
		printf("[no descriptor]\n");
		return 1;
	}
	if (argc > 2) {
		struct winsize w = {0};

		if (sscanf(argv[2], "%hux%hu", &w.ws_row, &w.ws_col) == 2)
			ioctl(fds[0], TIOCSWINSZ, &w);
	}
	relay(fds[0]);
	return 0;
}

/* notifyd SOCKET N: prints the first N datagrams, newlines as spaces */
static int cmd_notifyd(int argc, char **argv)
{
	char text[4096];
	int fds[16], s;
	long n = argc > 2 ? number(argv[2]) : 1;

	if (argc < 2)
		return 2;
	s = bound(argv[1], SOCK_DGRAM);
	alarm(20);
	for (; n > 0; n--) {
		receive(s, text, sizeof(text), fds, 16);
		for (char *p = text; *p; p++)
			if (*p == '\n')
				*p = ' ';
		printf("%s\n", text);
		fflush(stdout);
	}
	return 0;
}

/* notify TEXT: sends TEXT to $NOTIFY_SOCKET */
static int cmd_notify(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc < 2 || !path || strlen(path) >= sizeof(a.sun_path)) {
		printf("no NOTIFY_SOCKET\n");
		return 1;
	}
	memcpy(a.sun_path, path, strlen(path));
	if (sendto(fd, argv[1], strlen(argv[1]), 0, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
	printf("sent\n");
	return 0;
}

/* stale SOCKET...: makes sockets at these paths and leaves them there (stale sockets) */
static int cmd_stale(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		close(bound(argv[i], SOCK_STREAM));
	return 0;
}

const struct probe_command commands_sock[] = {
	{"recvfd", cmd_recvfd, "SOCKET [hold]"}, {"console", cmd_console, "SOCKET [ROWSxCOLS]"},
	{"notifyd", cmd_notifyd, "SOCKET N"},	 {"notify", cmd_notify, "TEXT"},
	{"stale", cmd_stale, "SOCKET..."},	 {NULL, NULL, NULL},
};
