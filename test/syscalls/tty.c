// Terminals: a pseudo-terminal's modes, queues, sizes and line discipline.
#include "show.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static void modes(int tty) {
	puts("== modes");
	struct termios t, u;
	show(tcgetattr(tty, &t));
	printf("%#x %#x %#x %#x %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_cc[VINTR]);
	cfmakeraw(&t);
	show(tcsetattr(tty, TCSANOW, &t));
	show(tcgetattr(tty, &u));
	printf("%#x %#x %#x %#x\n", u.c_iflag, u.c_oflag, u.c_cflag, u.c_lflag);
	show(tcsetattr(tty, 77, &t));
}

// Arguments that are numbers; negative ones must not be taken for pointers.
static void queues(int tty) {
	puts("== queues");
	show(tcflush(tty, TCIOFLUSH));
	show(tcflush(tty, -1));
	show(tcflush(tty, 12345));
	show(tcflow(tty, TCOOFF));
	show(tcflow(tty, TCOON));
	show(tcflow(tty, -1));
	show(tcdrain(tty));
	show(tcsendbreak(tty, 0));
	show(ioctl(tty, 0x5499, -1));
}

static void sizes(int master, int tty) {
	puts("== sizes");
	struct winsize w = {.ws_row = 30, .ws_col = 100};
	show(ioctl(master, TIOCSWINSZ, &w));
	memset(&w, 0, sizeof w);
	show(ioctl(tty, TIOCGWINSZ, &w));
	printf("%d %d\n", w.ws_row, w.ws_col);
	int n;
	write(master, "abc", 3);
	show(poll(&(struct pollfd){tty, POLLIN}, 1, -1)); // the kernel passes them on a little later
	show(ioctl(tty, FIONREAD, &n));
	printf("%d\n", n);
}

static void controlling(int tty) {
	puts("== controlling");
	show(tcgetpgrp(tty));
	show(tcsetpgrp(tty, -1));
	show(ioctl(tty, TIOCEXCL));
	show(ioctl(tty, TIOCNXCL));
	show(isatty(tty));
}

int main(void) {
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) || unlockpt(master))
		return 1;
	int tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (tty < 0)
		return 1;
	modes(tty);
	queues(tty);
	sizes(master, tty);
	controlling(tty);
	return 0;
}
