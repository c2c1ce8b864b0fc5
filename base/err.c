/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err: builds the one-line texts of struct err and owns the words of errnos.
 * It must not know who prints them. Called by every room.
 */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "base/ban.h"

/* A prefix may push the older text out at its end, but never takes more than this of a full line.
 */
#define PREFIX_SHARE 200

/* clang-format off */
static const char *const words[] = {
	[0] = "success",
	[EPERM] = "operation not permitted",
	[ENOENT] = "no such file or directory",
	[ESRCH] = "no such process",
	[EINTR] = "interrupted system call",
	[EIO] = "input/output error",
	[ENXIO] = "no such device or address",
	[E2BIG] = "argument list too long",
	[ENOEXEC] = "exec format error",
	[EBADF] = "bad file descriptor",
	[ECHILD] = "no child processes",
	[EAGAIN] = "resource temporarily unavailable",
	[ENOMEM] = "cannot allocate memory",
	[EACCES] = "permission denied",
	[EFAULT] = "bad address",
	[ENOTBLK] = "block device required",
	[EBUSY] = "device or resource busy",
	[EEXIST] = "file exists",
	[EXDEV] = "invalid cross-device link",
	[ENODEV] = "no such device",
	[ENOTDIR] = "not a directory",
	[EISDIR] = "is a directory",
	[EINVAL] = "invalid argument",
	[ENFILE] = "too many open files in system",
	[EMFILE] = "too many open files",
	[ENOTTY] = "inappropriate ioctl for device",
	[ETXTBSY] = "text file busy",
	[EFBIG] = "file too large",
	[ENOSPC] = "no space left on device",
	[ESPIPE] = "illegal seek",
	[EROFS] = "read-only file system",
	[EMLINK] = "too many links",
	[EPIPE] = "broken pipe",
	[EDOM] = "numerical argument out of domain",
	[ERANGE] = "numerical result out of range",
	[EDEADLK] = "resource deadlock avoided",
	[ENAMETOOLONG] = "file name too long",
	[ENOLCK] = "no locks available",
	[ENOSYS] = "function not implemented",
	[ENOTEMPTY] = "directory not empty",
	[ELOOP] = "too many levels of symbolic links",
	[ENOMSG] = "no message of desired type",
	[EIDRM] = "identifier removed",
	[ECHRNG] = "channel number out of range",
	[EL2NSYNC] = "level 2 not synchronized",
	[EL3HLT] = "level 3 halted",
	[EL3RST] = "level 3 reset",
	[ELNRNG] = "link number out of range",
	[EUNATCH] = "protocol driver not attached",
	[ENOCSI] = "no CSI structure available",
	[EL2HLT] = "level 2 halted",
	[EBADE] = "invalid exchange",
	[EBADR] = "invalid request descriptor",
	[EXFULL] = "exchange full",
	[ENOANO] = "no anode",
	[EBADRQC] = "invalid request code",
	[EBADSLT] = "invalid slot",
	[EBFONT] = "bad font file format",
	[ENOSTR] = "device not a stream",
	[ENODATA] = "no data available",
	[ETIME] = "timer expired",
	[ENOSR] = "out of streams resources",
	[ENONET] = "machine is not on the network",
	[ENOPKG] = "package not installed",
	[EREMOTE] = "object is remote",
	[ENOLINK] = "link has been severed",
	[EADV] = "advertise error",
	[ESRMNT] = "mount error of a remote system",
	[ECOMM] = "communication error on send",
	[EPROTO] = "protocol error",
	[EMULTIHOP] = "multihop attempted",
	[EDOTDOT] = "RFS specific error",
	[EBADMSG] = "bad message",
	[EOVERFLOW] = "value too large for defined data type",
	[ENOTUNIQ] = "name not unique on network",
	[EBADFD] = "file descriptor in bad state",
	[EREMCHG] = "remote address changed",
	[ELIBACC] = "cannot access a needed shared library",
	[ELIBBAD] = "accessing a corrupted shared library",
	[ELIBSCN] = ".lib section in a.out corrupted",
	[ELIBMAX] = "attempting to link in too many shared libraries",
	[ELIBEXEC] = "cannot exec a shared library directly",
	[EILSEQ] = "invalid or incomplete multibyte or wide character",
	[ERESTART] = "interrupted system call should be restarted",
	[ESTRPIPE] = "streams pipe error",
	[EUSERS] = "too many users",
	[ENOTSOCK] = "socket operation on non-socket",
	[EDESTADDRREQ] = "destination address required",
	[EMSGSIZE] = "message too long",
	[EPROTOTYPE] = "protocol wrong type for socket",
	[ENOPROTOOPT] = "protocol not available",
	[EPROTONOSUPPORT] = "protocol not supported",
	[ESOCKTNOSUPPORT] = "socket type not supported",
	[EOPNOTSUPP] = "operation not supported",
	[EPFNOSUPPORT] = "protocol family not supported",
	[EAFNOSUPPORT] = "address family not supported by protocol",
	[EADDRINUSE] = "address already in use",
	[EADDRNOTAVAIL] = "cannot assign requested address",
	[ENETDOWN] = "network is down",
	[ENETUNREACH] = "network is unreachable",
	[ENETRESET] = "network dropped connection on reset",
	[ECONNABORTED] = "software caused connection abort",
	[ECONNRESET] = "connection reset by peer",
	[ENOBUFS] = "no buffer space available",
	[EISCONN] = "transport endpoint is already connected",
	[ENOTCONN] = "transport endpoint is not connected",
	[ESHUTDOWN] = "cannot send after transport endpoint shutdown",
	[ETOOMANYREFS] = "too many references: cannot splice",
	[ETIMEDOUT] = "timed out",
	[ECONNREFUSED] = "connection refused",
	[EHOSTDOWN] = "host is down",
	[EHOSTUNREACH] = "no route to host",
	[EALREADY] = "operation already in progress",
	[EINPROGRESS] = "operation now in progress",
	[ESTALE] = "stale file handle",
	[EUCLEAN] = "structure needs cleaning",
	[ENOTNAM] = "not a XENIX named type file",
	[ENAVAIL] = "no XENIX semaphores available",
	[EISNAM] = "is a named type file",
	[EREMOTEIO] = "remote I/O error",
	[EDQUOT] = "disk quota exceeded",
	[ENOMEDIUM] = "no medium found",
	[EMEDIUMTYPE] = "wrong medium type",
	[ECANCELED] = "operation canceled",
	[ENOKEY] = "required key not available",
	[EKEYEXPIRED] = "key has expired",
	[EKEYREVOKED] = "key has been revoked",
	[EKEYREJECTED] = "key was rejected by service",
	[EOWNERDEAD] = "owner died",
	[ENOTRECOVERABLE] = "state not recoverable",
	[ERFKILL] = "operation not possible due to RF-kill",
	[EHWPOISON] = "memory page has hardware error",
	[524] = "operation not supported", /* ENOTSUPP of the kernel, which some drivers let out */
};
/* clang-format on */

const char *err_words(int code)
{
	if (code < 0 && code > INT_MIN)
		code = -code;
	/* EWOULDBLOCK and EDEADLOCK are the same numbers as EAGAIN and EDEADLK on Linux. */
	if (code < 0 || (size_t)code >= sizeof(words) / sizeof(words[0]) || !words[code])
		return "unknown error";
	return words[code];
}

const char *err_name(int code)
{
	return strerrorname_np(code);
}

const char *err_class_word(enum err_class class)
{
	static const char *const class_words[] = {
		[ERR_KERNEL] = "kernel",  [ERR_INPUT] = "bad-input",
		[ERR_STATE] = "conflict", [ERR_MISSING] = "missing-feature",
		[ERR_BUSY] = "busy",	  [ERR_BUG] = "internal",
	};
	_Static_assert(sizeof(class_words) / sizeof(class_words[0]) == ERR_CLASS_N,
		       "one per class");

	return (unsigned)class < ERR_CLASS_N ? class_words[class] : "internal";
}

static int code_of(int neg)
{
	if (neg == 0 || neg == INT_MIN)
		return EIO;
	return neg < 0 ? -neg : neg;
}

/* The text is formatted aside first, because an argument may be e->text itself. */
static void set_text(struct err *e, const char *raw)
{
	str_printable(e->text, sizeof(e->text), raw);
	e->len = (unsigned)strlen(e->text);
}

int err_set(struct err *e, enum err_class class, int code, const char *fmt, ...)
{
	char raw[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	e->code = code_of(code);
	e->class = class;
	set_text(e, raw);
	return -e->code;
}

int err_sys(struct err *e, int neg, const char *fmt, ...)
{
	int code = code_of(neg);
	const char *why = err_words(code);
	char raw[sizeof(e->text)], shown[sizeof(e->text)];
	/* The reason stays whole; a long name in front of it is cut. */
	size_t room = sizeof(e->text) - strlen(why) - 2;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	str_printable(shown, room, raw);
	e->code = code;
	e->class = ERR_KERNEL;
	e->len = (unsigned)snprintf(e->text, sizeof(e->text), "%s: %s", shown, why);
	return -e->code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char raw[sizeof(e->text)], shown[sizeof(e->text)], all[2 * sizeof(e->text) + 4];
	size_t old, room;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	e->text[sizeof(e->text) - 1] = '\0';
	old = strlen(e->text);
	/* Counted with the NUL: all of it where it fits, else a fair share of the line. */
	room = old + 2 < sizeof(e->text) ? sizeof(e->text) - old - 2 : 0;
	if (room < PREFIX_SHARE)
		room = PREFIX_SHARE;
	str_printable(shown, room, raw);
	snprintf(all, sizeof(all), "%s: %s", shown, e->text);
	set_text(e, all);
	return -e->code;
}
