// What can be executed by which name: errors of execve and execveat, #! lines, limits
// of arguments. Each attempt is made by a child, which shows what it finds if it
// comes to run.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char self[4096];

static void show(int argc, char **argv)
{
	size_t bytes = 0;
	char name[16];
	prctl(PR_GET_NAME, name);
	for (int i = 0; i < argc; i++) bytes += strlen(argv[i]);
	char *fn = (char *)getauxval(AT_EXECFN);
	if (strncmp(fn, "/dev/fd/", 8) == 0) // its name depends on the version of the kernel
		printf("    runs by descriptor:");
	else
		printf("    runs as %s, file %s:", name, basename(fn));
	if (argc > 12 || bytes > 1500)
		printf(" %d arguments of %zu bytes\n", argc, bytes);
	else {
		for (int i = 0; i < argc; i++)
			printf(" [%s]", strcmp(argv[i], self) == 0 ? "SELF" : strncmp(argv[i], "/dev/fd/", 8) == 0 ? "FD" : argv[i]);
		printf("\n");
	}
}

static void file(const char *name, const char *text, size_t n, int mode)
{
	unlink(name);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (write(fd, text, n) != (ssize_t)n) perror(name);
	fchmod(fd, mode);
	close(fd);
}

static void text(const char *name, const char *t) { file(name, t, strlen(t), 0755); }

// script makes a file whose #! line is made from a format, %s being this program.
static void script(const char *name, const char *format)
{
	char line[9000];
	snprintf(line, sizeof line, format, self);
	text(name, line);
}

static int run(const char *what, int dirfd, const char *name, char **argv, char **envp, int flags)
{
	printf("%s: ", what);
	fflush(stdout);
	int s, p = fork();
	if (p == 0) {
		printf("\n");
		syscall(SYS_execveat, dirfd, name, argv, envp, flags);
		printf("    %s\n", strerrorname_np(errno));
		fflush(stdout);
		_exit(100);
	}
	waitpid(p, &s, 0);
	if (WIFSIGNALED(s)) printf("    signal %d\n", WTERMSIG(s));
	fflush(stdout);
	return s;
}

static char *plain[] = {"arg0", "show", "arg2", NULL};

static void try(const char *name) { run(name, AT_FDCWD, name, plain, environ, 0); }

static void kinds(void)
{
	char head[64];
	int fd = open(self, O_RDONLY);
	read(fd, head, sizeof head);
	close(fd);
	mkdir("dir", 0755);
	mkfifo("fifo", 0755);
	struct sockaddr_un a = {AF_UNIX, "socket"};
	bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a);
	symlink(self, "link");
	symlink("nowhere", "dangling");
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	text("plain", "x");
	file("empty", "", 0, 0755);
	file("one", "#", 1, 0755);
	file("notexec", "#!/bin/sh\n", 10, 0644);
	file("nul", "\0\0\0\0", 4, 0755);
	file("ascii", "hello\n", 6, 0755);
	file("elf4", head, 4, 0755);
	file("elf20", head, 20, 0755);
	file("elf63", head, 63, 0755);
	file("elf64", head, 64, 0755);
	head[16] = 1; // ET_REL
	file("elfrel", head, 64, 0755);
	head[16] = 4; // ET_CORE
	file("elfcore", head, 64, 0755);
	const char *names[] = {"missing", "dir", "dir/", "dir/missing", "plain/x", "link/", "dangling", "loop1", "fifo", "socket",
			       "/dev/null", "empty", "one", "notexec", "nul", "ascii", "elf4", "elf20", "elf63", "elf64", "elfrel",
			       "elfcore", "link", "./link", "dir/../link", NULL};
	for (int i = 0; names[i]; i++) try(names[i]);
	char longname[5000];
	memset(longname, 'n', sizeof longname);
	longname[300] = 0;
	try(longname);
	longname[300] = 'n', longname[4999] = 0;
	run("a path of 4999 bytes", AT_FDCWD, longname, plain, environ, 0);
	run("no path", AT_FDCWD, NULL, plain, environ, 0);
	run("a bad path", AT_FDCWD, (char *)16, plain, environ, 0);
}

static void scripts(void)
{
	char line[9000];
	script("s-plain", "#!%s\n");
	script("s-arg", "#!%s show\n");
	script("s-blanks", "#! \t %s  \t show  and more\t \nrest");
	script("s-nonewline", "#!%s show");
	script("s-trailing", "#!%s show  ");
	script("s-cr", "#!%s\r\n");
	script("s-relative", "#!./link show\n");
	script("s-bare", "#!link show\n");
	text("s-nothing", "#!");
	text("s-newline", "#!\n");
	text("s-spaces", "#!   \n");
	text("s-missing", "#!/nowhere/at/all\n");
	text("s-dir", "#!./dir\n");
	text("s-notexec", "#!./notexec\n");
	text("s-plain2", "#!./plain\n");
	text("s-empty", "#!./empty\n");
	text("s-notdir", "#!./plain/x\n");
	text("s-loop", "#!./loop1\n");
	text("s-self", "#!./s-self\n");
	snprintf(line, sizeof line, "#!%s%cshow\n", self, 0);
	file("s-nul", line, strlen(self) + 8, 0755);
	const char *names[] = {"s-plain", "s-arg", "s-blanks", "s-nonewline", "s-trailing", "s-cr", "s-relative", "s-bare", "s-nothing",
			       "s-newline", "s-spaces", "s-missing", "s-dir", "s-notexec", "s-plain2", "s-empty", "s-notdir", "s-loop",
			       "s-self", "s-nul", NULL};
	for (int i = 0; names[i]; i++) try(names[i]);
	// Interpreters that are scripts.
	text("depth0", "#!./link show\n");
	for (int i = 1; i < 8; i++) {
		char name[20], to[40];
		sprintf(name, "depth%d", i);
		sprintf(to, "#!./depth%d at%d\n", i - 1, i);
		text(name, to);
		try(name);
	}
	// Lines about as long as what the kernel looks at.
	for (int n = 252; n < 260; n++) {
		sprintf(line, "#!./link show %*s\n", n, "");
		memset(line + 14, 'a', n - 14);
		line[n] = '\n', line[n + 1] = 0;
		text("s-long", line);
		printf("%d bytes: ", n);
		try("s-long");
		memset(line, ' ', n);
		memcpy(line, "#!", 2);
		memcpy(line + n - 6, "./link\n", 8);
		text("s-long", line);
		printf("%d bytes, most of them blank: ", n);
		try("s-long");
		memset(line, 'x', n);
		memcpy(line, "#!./", 4);
		line[n] = '\n', line[n + 1] = 0;
		text("s-long", line);
		printf("%d bytes of interpreter: ", n);
		try("s-long");
	}
}

static void descriptors(void)
{
	int fd = open(self, O_RDONLY), cloexec = open(self, O_RDONLY | O_CLOEXEC), path = open(self, O_PATH);
	int dir = open(".", O_RDONLY | O_DIRECTORY), s = open("s-arg", O_RDONLY), sc = open("s-arg", O_RDONLY | O_CLOEXEC);
	int link = open("link", O_PATH | O_NOFOLLOW), null = open("/dev/null", O_RDONLY), pd = open(".", O_PATH | O_CLOEXEC);
	run("a descriptor", fd, "", plain, environ, AT_EMPTY_PATH);
	run("without AT_EMPTY_PATH", fd, "", plain, environ, 0);
	run("close-on-exec", cloexec, "", plain, environ, AT_EMPTY_PATH);
	run("O_PATH", path, "", plain, environ, AT_EMPTY_PATH);
	run("a directory", dir, "", plain, environ, AT_EMPTY_PATH);
	run("a device", null, "", plain, environ, AT_EMPTY_PATH);
	run("a link", link, "", plain, environ, AT_EMPTY_PATH);
	run("a script", s, "", plain, environ, AT_EMPTY_PATH);
	run("a script, close-on-exec", sc, "", plain, environ, AT_EMPTY_PATH);
	run("none", 77, "", plain, environ, AT_EMPTY_PATH);
	run("the working directory", AT_FDCWD, "", plain, environ, AT_EMPTY_PATH);
	run("in a directory", dir, "link", plain, environ, 0);
	run("in a directory, AT_EMPTY_PATH", dir, "link", plain, environ, AT_EMPTY_PATH);
	run("in a directory, a script", dir, "s-arg", plain, environ, 0);
	run("in a closing directory, a script", pd, "s-arg", plain, environ, 0);
	run("in a closing directory", pd, "link", plain, environ, 0);
	run("in a file", fd, "x", plain, environ, 0);
	run("absolute, in nothing", 77, self, plain, environ, 0);
	run("AT_SYMLINK_NOFOLLOW", AT_FDCWD, self, plain, environ, AT_SYMLINK_NOFOLLOW);
	run("AT_SYMLINK_NOFOLLOW, a link", AT_FDCWD, "link", plain, environ, AT_SYMLINK_NOFOLLOW);
	run("unknown flags", AT_FDCWD, self, plain, environ, 0x40);
	int w = open("busy", O_WRONLY | O_CREAT, 0755);
	write(w, "#!/bin/true\n", 12);
	try("busy");
	run("open for writing", w, "", plain, environ, AT_EMPTY_PATH);
	close(w);
}

static void arguments(void)
{
	static char big[200000], *many[70000];
	char *none[] = {NULL}, *empty[] = {"", NULL}, *bad[] = {"x", (char *)16, NULL};
	run("argv NULL", AT_FDCWD, self, NULL, environ, 0);
	run("argv empty", AT_FDCWD, self, none, environ, 0);
	run("argv[0] empty", AT_FDCWD, self, empty, environ, 0);
	run("argv empty, a script", AT_FDCWD, "s-arg", none, environ, 0);
	run("envp NULL", AT_FDCWD, self, plain, NULL, 0);
	run("bad argv", AT_FDCWD, self, (char **)16, environ, 0);
	run("bad argument", AT_FDCWD, self, bad, environ, 0);
	run("bad envp", AT_FDCWD, self, plain, (char **)16, 0);
	run("bad variable", AT_FDCWD, self, plain, bad, 0);
	memset(big, 'b', sizeof big - 1);
	char *two[] = {"x", big, NULL}, *novars[] = {NULL};
	for (int n = 131070; n <= 131073; n++) {
		big[n] = 0;
		printf("%d bytes: ", n);
		run("one argument", AT_FDCWD, self, two, novars, 0);
		run("one variable", AT_FDCWD, self, plain, two, 0);
		big[n] = 'b';
	}
	// As many arguments as the limit of the stack allows, and more.
	big[99] = 0;
	int limits[] = {0, 64, 512, 1024, 8192, 65536};
	for (int l = 0; l < 6; l++) {
		struct rlimit was, lim;
		getrlimit(RLIMIT_STACK, &was);
		lim = was;
		if (limits[l]) lim.rlim_cur = limits[l] * 1024L;
		setrlimit(RLIMIT_STACK, &lim);
		// A quarter of it, between 128 KiB and 6 MiB; each argument takes 100 bytes and a pointer.
		long quarter = lim.rlim_cur / 4;
		if (quarter < 131072) quarter = 131072;
		if (quarter > 6 << 20) quarter = 6 << 20;
		for (int d = -20; d <= 20; d += 40) {
			int n = quarter / 108 + d;
			for (int i = 0; i < n; i++) many[i] = big;
			many[n] = NULL;
			printf("stack of %d KiB, %s: ", limits[l], d < 0 ? "fewer" : "more");
			run("arguments", AT_FDCWD, self, many, novars, 0);
		}
		setrlimit(RLIMIT_STACK, &was);
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(basename((char *)getauxval(AT_EXECFN)), "exec_names") != 0 || getenv("T_CHILD") || argc != 1 || !environ[0]) {
		self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
		show(argc, argv);
		return 0;
	}
	setenv("T_CHILD", "1", 1);
	self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
	kinds();
	scripts();
	descriptors();
	arguments();
	return 0;
}
