// PR_SET_MDWE: memory is writable or executable, and does not become executable.
#include "show.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { SET = 65, GET, REFUSE = 1, NO_INHERIT = 2, R = PROT_READ, W = PROT_WRITE, X = PROT_EXEC, PAGE = 4096 };

static void *map(int prot) { return mmap(0, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

// mapped is 0 if there can be such memory.
static int mapped(int prot) { return map(prot) == MAP_FAILED ? -1 : 0; }

static void set_and_get(void)
{
	show(prctl(GET, 1, 0, 0, 0));
	show(prctl(SET, 4, 0, 0, 0));
	show(prctl(SET, NO_INHERIT, 0, 0, 0));
	show(prctl(SET, REFUSE, 1, 0, 0));
	show(prctl(GET, 0, 0, 0, 0));
}

static void changes(void)
{
	char *rw = map(R | W), *rx = map(R | X), *wx = map(R | W | X);
	show(prctl(SET, REFUSE, 0, 0, 0));
	show(prctl(GET, 0, 0, 0, 0));
	show(prctl(SET, REFUSE, 0, 0, 0));
	show(prctl(SET, REFUSE | NO_INHERIT, 0, 0, 0));
	show(prctl(SET, 0, 0, 0, 0));
	show(mapped(R | W | X));
	show(mapped(R | X));
	show(mprotect(rw, PAGE, R | X));
	show(mprotect(rx, PAGE, R | W | X));
	show(mprotect(rx, PAGE, R | X));
	show(mprotect(rx, PAGE, R));
	show(mprotect(rx, PAGE, R | X));
	show(mprotect(wx, PAGE, R | W | X));
	show(mprotect(wx, PAGE, R | X));
}

// inherited shows what a child has of the bits, and the program that it executes.
static void inherited(const char *program, long bits)
{
	if (fork() == 0) {
		show(prctl(SET, bits, 0, 0, 0));
		if (fork() == 0) {
			show(prctl(GET, 0, 0, 0, 0));
			show(mapped(R | W | X));
			_exit(0);
		}
		wait(0);
		execl(program, program, "executed", (char *)0);
		_exit(1);
	}
	wait(0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, 0, _IONBF, 0);
	if (argc > 1) {
		show(prctl(GET, 0, 0, 0, 0));
		show(mapped(R | W | X));
		return 0;
	}
	set_and_get();
	inherited(argv[0], REFUSE);
	inherited(argv[0], REFUSE | NO_INHERIT);
	changes();
	return 0;
}
