// Programs whose file no name leads to: /proc/self/exe is the file nevertheless. One is
// in memory, another has been removed, and another file has the name of the third.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy(int to)
{
	int from = open("/proc/self/exe", O_RDONLY);
	struct stat st;
	fstat(from, &st);
	for (off_t n = st.st_size; n > 0;) {
		ssize_t r = sendfile(to, from, NULL, n);
		if (r <= 0) {
			perror("sendfile");
			exit(1);
		}
		n -= r;
	}
	close(from);
}

// look is what the program does that has no name: the file is open as fd.
static int look(const char *what, int fd)
{
	struct stat want, got = {0};
	fstat(fd, &want);
	int exe = open("/proc/self/exe", O_RDONLY);
	printf("%s: open %s, ", what, exe < 0 ? strerrorname_np(errno) : "ok");
	fstat(exe, &got);
	printf("%s; ", got.st_ino == want.st_ino && got.st_dev == want.st_dev ? "the file" : "another file");
	if (stat("/proc/self/exe", &got) == 0 && got.st_ino == want.st_ino) printf("stat as well; ");
	fflush(stdout);
	int p = vfork(); // it can be executed once more
	if (p == 0) {
		execl("/proc/self/exe", "exec_unnamed", "again", NULL);
		_exit(errno);
	}
	int s;
	waitpid(p, &s, 0);
	if (s) printf("execve %d\n", s);
	return 0;
}

static void run(const char *what, int fd)
{
	char number[20];
	sprintf(number, "%d", fd);
	char *argv[] = {"exec_unnamed", (char *)what, number, NULL};
	fflush(stdout);
	if (fork() == 0) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		perror("execveat");
		_exit(1);
	}
	wait(NULL);
}

// file makes a copy of the program that is open for reading only.
static int file(const char *name)
{
	unlink(name);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	copy(fd);
	close(fd);
	return open(name, O_RDONLY);
}

int main(int argc, char **argv)
{
	if (argc == 3) return look(argv[1], atoi(argv[2]));
	if (argc == 2) return puts("executed again"), 0;
	int fd = memfd_create("program", MFD_ALLOW_SEALING);
	copy(fd);
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	run("in memory", fd);
	fd = file("removed");
	unlink("removed");
	run("removed", fd);
	fd = file("replaced");
	rename("replaced", "old");
	unlink("old");
	close(open("replaced", O_WRONLY | O_CREAT, 0644));
	run("replaced", fd);
	return 0;
}
