// Makes processes, one after another, and waits for each.
//
//   process exit               what is started: the smallest program that there is
//   process fork N             fork
//   process spawn N PROGRAM    posix_spawn
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
	if (argc < 3)
		return 0;
	for (int i = atoi(argv[2]); i > 0; i--) {
		char *args[] = {"process", "exit", NULL};
		int status;
		pid_t pid = -1;
		if (strcmp(argv[1], "fork") == 0) {
			if ((pid = fork()) == 0)
				_exit(0);
		} else if (posix_spawn(&pid, argv[3], NULL, NULL, args, environ)) {
			return 1;
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}
