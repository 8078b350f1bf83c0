// A child of vfork that is traced from before its execve, and uses memory that is not there yet: its
// parent, which sleeps, cannot help it on.
// host-pages: yes
#include "show.h"
#include <alloca.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { PAGE = 4096 };

// use touches new stack, and memory beside pages that cannot be accessed.
__attribute__((noinline)) static void use(char *beside) {
	volatile char *p = alloca(512 << 10);
	for (int i = (512 << 10) - 1; i >= 0; i -= PAGE)
		p[i] = 1;
	for (int i = 0; i < PAGE; i += 64)
		beside[i]++;
}

int main(int argc, char **argv) {
	if (argc > 1)
		return 7;
	alarm(200); // for who never comes back
	setvbuf(stdout, NULL, _IONBF, 0);
	char *m = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(m, PAGE, PROT_NONE);
	mprotect(m + 2 * PAGE, PAGE, PROT_NONE);
	pid_t child = vfork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		use(m + PAGE);
		execl("/proc/self/exe", argv[0], "again", NULL);
		_exit(1);
	}
	printf("bytes %d\n", m[PAGE]);
	int status;
	show(waitpid(child, &status, 0) == child);
	printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
	show(ptrace(PTRACE_CONT, child, NULL, NULL));
	show(waitpid(child, &status, 0) == child);
	printf("exited %d with %d\n", WIFEXITED(status), WEXITSTATUS(status));
	return 0;
}
