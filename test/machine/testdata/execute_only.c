// Pages that may be executed, and neither read nor written; and pages that may be written,
// which can be read, too.
// skip-qemu: it lets such pages be read
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/wait.h>

static sigjmp_buf back;

static void fault(int sig, siginfo_t *info, void *context) { siglongjmp(back, 1000 * sig + info->si_code); }

// load returns a byte, or what the fault was: 11002 for SIGSEGV and SEGV_ACCERR.
static int load(volatile unsigned char *p) {
	int how = sigsetjmp(back, 1);
	return how ? how : *p;
}

static int store(volatile unsigned char *p) {
	int how = sigsetjmp(back, 1);
	if (how == 0)
		*p = 1;
	return how;
}

enum { DENIED = 11002 };

// denied checks that a page can be executed only. It has a function that returns 42.
static void denied(unsigned char *p, const char *what) {
	int (*f)(void) = (int (*)(void))p;
	for (int i = 0; i < 100; i++) {
		CHECK(f() == 42, "%s", what);
		if (i % 40 == 0) {
			CHECK(load(p) == DENIED, "%s: %d", what, load(p));
			CHECK(store(p + 100) == DENIED, "%s: %d", what, store(p + 100));
		}
	}
	int pipes[2];
	if (pipe(pipes))
		return;
	errno = 0;
	CHECK(write(pipes[1], p, 8) == -1 && errno == EFAULT, "%s: %d", what, errno);
	CHECK(write(pipes[1], "x", 1) == 1, "%s", what);
	errno = 0;
	CHECK(read(pipes[0], p, 1) == -1 && errno == EFAULT, "%s: %d", what, errno);
	close(pipes[0]), close(pipes[1]);
}

int main(void) {
	struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	unsigned char *pages = mapped(3, PROT_READ | PROT_WRITE), *code = pages + PAGE, *p = code;
	emit(&p, addi(a0, zero, 42));
	emit(&p, RET);
	protect(code, 1, PROT_EXEC);
	denied(code, "anonymous memory");

	int status, child = fork();
	if (child == 0) {
		denied(code, "in a child");
		exit(finish());
	}
	waitpid(child, &status, 0);
	CHECK(status == 0, "the child: %x", status);

	protect(code, 1, PROT_READ | PROT_EXEC);
	CHECK(load(code) == 0x13, "%#x", load(code));
	CHECK(store(code) == DENIED, "%d", store(code));
	protect(code, 1, PROT_WRITE);
	CHECK(load(code) == 0x13, "%#x", load(code));
	CHECK(store(code + 100) == 0, "%d", store(code + 100));
	protect(code, 1, PROT_EXEC);
	denied(code, "again");
	protect(pages, 3, PROT_EXEC);
	denied(code, "among others");

	char name[] = "code";
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0700);
	protect(code, 1, PROT_READ);
	CHECK(write(fd, code, PAGE) == PAGE, "%s", strerror(errno));
	unsigned char *private = mmap(NULL, 2 * PAGE, PROT_EXEC, MAP_PRIVATE, fd, 0);
	denied(private, "a private mapping");
	CHECK(load(private + PAGE) == DENIED, "behind the end: %d", load(private + PAGE));
	unsigned char *shared = mmap(NULL, PAGE, PROT_EXEC, MAP_SHARED, fd, 0);
	denied(shared, "a shared mapping");
	return finish();
}
