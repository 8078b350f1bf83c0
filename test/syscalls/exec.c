// What execve refuses, and what the new image inherits. The first argument is the
// step: each but the first is run by the one before.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

extern char **environ;

static void file(const char *name, const char *text, int mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	write(fd, text, strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static void refused(void)
{
	char *argv[] = {"x", NULL};
	file("plain", "x", 0644);
	file("text", "some text", 0755);
	file("empty", "", 0755);
	file("lost", "#!/nonexistent/interpreter\n", 0755);
	file("elf", "\177ELF\2\1\1", 0755);
	file("self", "#! ./self\n", 0755);
	mkdir("dir", 0755);
	symlink("loop", "loop");
	TRY(execve("missing", argv, environ));
	TRY(execve("", argv, environ));
	TRY(execve("dir", argv, environ));
	TRY(execve("plain", argv, environ));
	TRY(execve("plain/x", argv, environ));
	TRY(execve("text", argv, environ));
	TRY(execve("empty", argv, environ));
	TRY(execve("lost", argv, environ));
	TRY(execve("elf", argv, environ));
	TRY(execve("self", argv, environ));
	TRY(execve("loop", argv, environ));
	TRY(execve((char *)8, argv, environ));
	TRY(execve("text", (char **)8, environ));
	TRY(execve("text", argv, (char **)8));
	char *bad[] = {(char *)8, NULL};
	TRY(execve("text", bad, environ));
	static char huge[200000];
	memset(huge, 'x', sizeof huge - 1);
	char *many[] = {"x", huge, NULL};
	TRY(execve("text", many, environ));
	int fd = open("text", O_RDONLY), path = open("plain", O_PATH);
	TRY(syscall(SYS_execveat, fd, "", argv, environ, 0));
	TRY(syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH));
	TRY(syscall(SYS_execveat, path, "", argv, environ, AT_EMPTY_PATH));
	TRY(syscall(SYS_execveat, -1, "", argv, environ, AT_EMPTY_PATH));
	TRY(syscall(SYS_execveat, -1, "x", argv, environ, 0));
	TRY(syscall(SYS_execveat, AT_FDCWD, "text", argv, environ, 0x10000000));
	symlink("text", "link");
	TRY(syscall(SYS_execveat, AT_FDCWD, "link", argv, environ, AT_SYMLINK_NOFOLLOW));
}

static void *idle(void *arg)
{
	for (;;)
		pause();
}

// inherited prints what an image finds.
static void inherited(int argc, char **argv)
{
	sigset_t set;
	struct sigaction sa;
	struct rlimit l;
	char name[16];
	printf("== %s: argc %d argv[0] %s", argv[1], argc, basename(argv[0]));
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\nenv");
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "T_PID", 5) != 0 && strncmp(*e, "T_", 2) == 0 || strncmp(*e, "HOSPES_EXEC", 11) == 0)
			printf(" %s", *e);
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("\nblocked");
	for (int i = 1; i < 65; i++)
		if (sigismember(&set, i) == 1)
			printf(" %d", i);
	sigpending(&set);
	printf(" pending");
	for (int i = 1; i < 65; i++)
		if (sigismember(&set, i) == 1)
			printf(" %d", i);
	printf(" ignored");
	for (int i = 1; i < 65; i++)
		if (sigaction(i, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			printf(" %d", i);
	printf("\nlimits");
	int which[] = {RLIMIT_STACK, RLIMIT_AS, RLIMIT_DATA, RLIMIT_NOFILE, RLIMIT_CORE};
	for (int i = 0; i < 5; i++) {
		getrlimit(which[i], &l);
		printf(" %llx/%llx", (unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
	}
	prctl(PR_GET_NAME, name);
	printf("\nfd 7 %d, fd 8 %d, pid %d, execfn %s\n", fcntl(7, F_GETFD), fcntl(8, F_GETFD), getpid() == atoi(getenv("T_PID")),
	       basename((char *)getauxval(AT_EXECFN)));
	printf("descriptors");
	for (int fd = 0; fd < 200; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
}

static void step(const char *name, char **argv, int how)
{
	char pid[32];
	sprintf(pid, "T_PID=%d", getpid());
	char *env[] = {"T_ONE=1", "T_TWO=a \"quoted\"\n\377 value", pid, NULL};
	fflush(stdout);
	if (how == 0)
		execve(name, argv, env);
	else
		fexecve(how, argv, env);
	printf("%s: %s\n", name, strerrorname_np(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const char *at = argc > 1 ? argv[1] : "";
	if (strcmp(at, "") == 0) {
		refused();
		struct rlimit l = {4 << 20, RLIM_INFINITY};
		setrlimit(RLIMIT_STACK, &l);
		l.rlim_cur = 1UL << 30;
		setrlimit(RLIMIT_DATA, &l);
		l.rlim_cur = 100, l.rlim_max = 200;
		setrlimit(RLIMIT_NOFILE, &l);
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigaddset(&set, SIGSEGV);
		sigaddset(&set, SIGRTMIN + 2);
		sigprocmask(SIG_SETMASK, &set, NULL);
		raise(SIGUSR1);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGTRAP, SIG_IGN);
		signal(SIGUSR2, exit);
		dup2(1, 7);
		dup2(1, 8);
		fcntl(8, F_SETFD, FD_CLOEXEC);
		pthread_t t;
		pthread_create(&t, NULL, idle, NULL);
		char *v[] = {"my name", "plain", NULL};
		step(argv[0], v, 0);
	}
	inherited(argc, argv);
	char self[4096];
	self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
	if (strcmp(at, "plain") == 0) {
		char *v[] = {"by-self", "self", NULL};
		step("/proc/self/exe", v, 0);
	}
	if (strcmp(at, "self") == 0) {
		char *v[] = {"by-fd", "fd", NULL};
		step("fd", v, open(self, O_RDONLY | O_CLOEXEC));
	}
	if (strcmp(at, "fd") == 0) {
		char text[5000];
		sprintf(text, "#!%s script", self);
		file("script", text, 0755);
		char *v[] = {"ignored", "two words", NULL};
		step("./script", v, 0);
	}
	if (strcmp(at, "script") == 0) {
		char *v[] = {"sh", "-c", "echo native $T_ONE $0 $(ulimit -s); exit 5", "x", NULL};
		step("/bin/sh", v, 0);
	}
	return 9;
}
