// A child by vfork, and another program.
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

__attribute__((noinline)) void hit(int n) { __asm__ volatile("" ::"r"(n)); }

int main(int argc, char **argv)
{
	hit(argc);
	if (argc == 1) {
		pid_t child;
		int status;
		char *args[] = {"spawn", "as", "child", 0};
		posix_spawn(&child, "/proc/self/exe", 0, 0, args, environ);
		waitpid(child, &status, 0);
		printf("child %d\n", WEXITSTATUS(status));
		fflush(stdout);
		execl("/proc/self/exe", "spawn", "anew", (char *)0);
	}
	return argc;
}
