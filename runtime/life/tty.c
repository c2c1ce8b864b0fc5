/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/life/tty: hands an fd to an engine over its unix socket (--console-socket,
 * --pidfd-socket): one message with the fd and a name as payload, as conmon, containerd and go-runc
 * expect. */
#include "runtime/life/internal.h"

#include <string.h>

#include "base/fd.h"
#include "base/ban.h"

int life_tty_send(const char *socket_path, int fd, const char *name, const char *what,
		  struct err *e)
{
	AUTO_FD sock = fd_unix_connect(socket_path);

	if (sock < 0)
		return err_sys(e, sock, "%s: connect to \"%s\"", what, socket_path);
	int r = fd_send(sock, name, strlen(name), &fd, 1);

	if (r < 0)
		return err_sys(e, r, "%s: send to \"%s\"", what, socket_path);
	return 0;
}
