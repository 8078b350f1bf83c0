// /proc as a process sees itself: its program, memory, arguments, descriptors, threads.
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

extern char **environ;
int main(int, char **);
static char data_object[100000] = {1};

static char *slurp(const char *name, size_t *n) {
	static char buf[1 << 18];
	int fd = open(name, O_RDONLY);
	if (fd < 0) {
		printf("%s: %s\n", name, strerrorname_np(errno));
		*n = 0;
		return buf;
	}
	size_t at = 0;
	ssize_t got;
	while ((got = read(fd, buf + at, sizeof buf - 1 - at)) > 0)
		at += got;
	buf[at] = 0;
	close(fd);
	*n = at;
	return buf;
}

static void program(char **argv) {
	char exe[PATH_MAX] = "", other[PATH_MAX] = "", real[PATH_MAX], name[64];
	printf("exe %d\n", readlink("/proc/self/exe", exe, sizeof exe) > 0 && strcmp(exe, realpath(argv[0], real)) == 0);
	snprintf(name, sizeof name, "/proc/%d/exe", getpid());
	printf("by pid %d\n", readlink(name, other, sizeof other) > 0 && strcmp(exe, other) == 0);
	memset(other, 0, sizeof other);
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
	printf("by directory %d\n", readlinkat(dir, "exe", other, sizeof other) > 0 && strcmp(exe, other) == 0);
	printf("realpath %d\n", strcmp(realpath("/proc/self/exe", real), exe) == 0);
	printf("cut off: %zd\n", readlink("/proc/thread-self/exe", other, 3));
	struct stat a, b;
	stat("/proc/self/exe", &a);
	stat(exe, &b);
	printf("same file %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	lstat("/proc/self/exe", &a);
	printf("a link %d\n", S_ISLNK(a.st_mode));
	int fd = open("/proc/self/exe", O_RDONLY);
	fstat(fd, &a);
	Elf64_Ehdr e;
	read(fd, &e, sizeof e);
	printf("opened %d, ELF entry %d\n", a.st_ino == b.st_ino, e.e_type == ET_DYN || e.e_entry == getauxval(AT_ENTRY));
	close(fd);
	fd = openat(dir, "stat", O_RDONLY);
	char text[16] = "";
	read(fd, text, 15);
	printf("stat begins with the pid: %d\n", atoi(text) == getpid());
	printf("reread: %zd\n", pread(fd, text, 5, 0));
	int copy[2] = {fd, -1};
	snprintf(name, sizeof name, "/proc/self/fd/%d", copy[0]);
	memset(other, 0, sizeof other);
	readlink(name, other, sizeof other);
	printf("its name ends in /stat: %d\n", strcmp(other + strlen(other) - 5, "/stat") == 0);
	printf("write: %d\n", write(fd, "x", 1) < 0 && errno == EBADF);
	close(fd);
	close(dir);
}

static void memory(void) {
	int on_stack;
	char *heap = malloc(1 << 16);
	char *text, *line, *next;
	size_t n;
	sbrk(4096);
	char *file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY), 0);
	char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	mprotect(shared + 4096, 4096, PROT_NONE);
	text = slurp("/proc/self/maps", &n);
	unsigned long last = 0;
	int sorted = 1;
	for (line = text; *line; line = next) {
		unsigned long from, to, off, ino;
		unsigned major, minor;
		char prot[8];
		int at = 0;
		next = strchr(line, '\n') + 1;
		next[-1] = 0;
		if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu%n", &from, &to, prot, &off, &major, &minor, &ino, &at) != 7)
			printf("bad line: %s\n", line);
		sorted &= from >= last && to > from;
		last = to;
		char *name = strlen(line) > 73 ? line + 73 : "";
#define within(p) ((unsigned long)(p) >= from && (unsigned long)(p) < to)
		if (within(&on_stack))
			printf("stack %s %s\n", prot, name);
		if (within(main))
			printf("text %s file %d\n", prot, name[0] == '/' && ino != 0);
		if (within(data_object))
			printf("data %s\n", prot);
		if (within((char *)sbrk(0) - 1))
			printf("heap %s %s\n", prot, name);
		if (within(file))
			printf("mapped %s offset %lx file %d\n", prot, off, name[0] == '/');
		if (within(shared))
			printf("shared %s %s\n", prot, name);
		if (within(shared + 4096))
			printf("shared %s %s\n", prot, name);
		if (within(getauxval(AT_SYSINFO_EHDR)))
			printf("vdso %s %s\n", prot, name);
	}
	printf("sorted %d\n", sorted);
	text = slurp("/proc/self/smaps", &n);
	printf("smaps %d\n", strstr(text, "\nRss:") && strstr(text, "\nVmFlags: rd"));
	long size, resident;
	sscanf(slurp("/proc/self/statm", &n), "%ld %ld", &size, &resident);
	printf("statm %d\n", size > 0 && resident > 0 && resident <= size);
	free(heap);
	int mem = open("/proc/self/mem", O_RDWR);
	long value = 0, want = 0x1122334455667788;
	ssize_t got = pread(mem, &value, 8, (off_t)(uintptr_t)&want);
	printf("mem read %zd %d\n", got, value == want);
	value = 99;
	got = pwrite(mem, &value, 8, (off_t)(uintptr_t)&want);
	printf("mem write %zd %ld\n", got, want);
	*(volatile char *)data_object = 'd';
	char two[2] = "", *edge = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);
	struct iovec v[2] = {{two, 1}, {two + 1, 1}};
	got = preadv(mem, v, 2, (off_t)(uintptr_t)data_object);
	printf("mem readv %d %s\n", got > 0, two);
	got = pwrite(mem, "forced", 6, (off_t)(uintptr_t)edge);
	printf("read-only %zd %s\n", got, edge);
	got = pread(mem, slurp("/proc/version", &n), 100, (off_t)(uintptr_t)edge + 4090);
	printf("end %zd\n", got);
	printf("seek %d\n", lseek(mem, (off_t)(uintptr_t)&want, SEEK_SET) == (off_t)(uintptr_t)&want);
	printf("read %zd %d\n", read(mem, &value, 8), value == want);
	printf("position %d\n", lseek(mem, 0, SEEK_CUR) == (off_t)(uintptr_t)&want + 8);
	printf("hole %d\n", pread(mem, &value, 8, 8) < 0 && errno == EIO);
	close(mem);
}

static void arguments(int argc, char **argv) {
	size_t n, at = 0;
	char *text = slurp("/proc/self/cmdline", &n);
	for (int i = 0; i < argc; i++) {
		if (strcmp(text + at, argv[i]))
			printf("argument %d is %s\n", i, text + at);
		at += strlen(text + at) + 1;
	}
	printf("cmdline %d\n", at == n);
	argv[0][0] = '@';
	printf("changed %c\n", slurp("/proc/self/cmdline", &n)[0]);
	text = slurp("/proc/self/environ", &n);
	at = 0;
	int same = 1;
	for (int i = 0; environ[i]; i++) {
		same &= strcmp(text + at, environ[i]) == 0;
		at += strlen(text + at) + 1;
	}
	printf("environ %d %d\n", same, at == n);
	Elf64_auxv_t *av = (void *)slurp("/proc/self/auxv", &n);
	for (; av->a_type != AT_NULL; av++)
		if (av->a_type == AT_PHDR || av->a_type == AT_ENTRY || av->a_type == AT_RANDOM)
			printf("auxv %d %d\n", (int)av->a_type, av->a_un.a_val == getauxval(av->a_type));
}

static char *value(char *text, const char *name) {
	static char out[100];
	char *p = strstr(text, name);
	if (!p)
		return "missing";
	sscanf(p + strlen(name), "%99[^\n]", out);
	return out;
}

static void *thread(void *arg) {
	size_t n;
	char name[64];
	prctl(PR_SET_NAME, "a-thread");
	printf("comm %s", slurp("/proc/thread-self/comm", &n));
	snprintf(name, sizeof name, "/proc/self/task/%d/status", gettid());
	char *text = slurp(name, &n);
	printf("Name %s\n", value(text, "Name:\t"));
	printf("Pid %d\n", atoi(value(text, "\nPid:\t")) == gettid());
	printf("Tgid %d\n", atoi(value(text, "\nTgid:\t")) == getpid());
	int count = 0;
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *e; (e = readdir(d));)
		count += e->d_name[0] != '.';
	closedir(d);
	printf("task has %d\n", count);
	text = slurp("/proc/self/status", &n);
	printf("Threads %s\n", value(text, "\nThreads:\t"));
	int pid, threads;
	char state;
	text = slurp("/proc/self/stat", &n);
	sscanf(text, "%d", &pid);
	sscanf(strrchr(text, ')') + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d", &state, &threads);
	printf("stat %d threads %d\n", pid == getpid(), threads);
	return arg;
}

static void status(void) {
	size_t n;
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, (void (*)(int))abort);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGHUP);
	char *text = slurp("/proc/self/status", &n);
	printf("SigBlk %s\n", value(text, "\nSigBlk:\t"));
	printf("ShdPnd %s\n", value(text, "\nShdPnd:\t"));
	printf("SigIgn %s\n", value(text, "\nSigIgn:\t"));
	printf("SigCgt %s\n", value(text, "\nSigCgt:\t"));
	printf("VmSize %d\n", atoi(value(text, "\nVmSize:\t")) > 0);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	prctl(PR_SET_NAME, "main-name");
	printf("comm %s", slurp("/proc/self/comm", &n));
	unsigned long code, end, stack;
	text = slurp("/proc/self/stat", &n);
	printf("stat %.11s\n", strchr(text, '('));
	char *f = strrchr(text, ')') + 2;
	for (int i = 3; i < 26; i++)
		f = strchr(f, ' ') + 1;
	sscanf(f, "%lu %lu %lu", &code, &end, &stack);
	printf("startcode %d startstack %d\n", code <= (unsigned long)main && (unsigned long)main < end, stack > (unsigned long)&n);
	text = slurp("/proc/self/limits", &n);
	struct rlimit lim;
	getrlimit(RLIMIT_NOFILE, &lim);
	printf("open files %d\n", strtoul(value(text, "Max open files"), NULL, 10) == lim.rlim_cur);
	lim = (struct rlimit){5 << 20, RLIM_INFINITY};
	printf("%d\n", setrlimit(RLIMIT_STACK, &lim));
	text = slurp("/proc/self/limits", &n);
	printf("stack: %s\n", value(text, "Max stack size"));
	pthread_t th;
	pthread_create(&th, NULL, thread, NULL);
	pthread_join(th, NULL);
}

static void descriptors(void) {
	int count = 0, odd = 0;
	closefrom(3);
	for (int pass = 0; pass < 2; pass++) {
		DIR *d = opendir(pass ? "/proc/self/fdinfo" : "/proc/self/fd");
		for (struct dirent *e; (e = readdir(d));) {
			if (e->d_name[0] == '.')
				continue;
			count++;
			odd += atoi(e->d_name) > 3;
		}
		closedir(d);
	}
	printf("descriptors %d, unknown %d\n", count, odd);
}

int main(int argc, char **argv) {
	setvbuf(stdout, NULL, _IONBF, 0);
	program(argv);
	memory();
	arguments(argc, argv);
	status();
	descriptors();
	size_t n;
	char *text = slurp("/proc/cpuinfo", &n);
	printf("cpuinfo %d\n", strstr(text, "processor\t: 0") != NULL);
	printf("version %d\n", strncmp(slurp("/proc/version", &n), "Linux version", 13));
	printf("uptime %d\n", atof(slurp("/proc/uptime", &n)) > 0);
	printf("none %d\n", open("/proc/self/none", O_RDONLY) < 0 && errno == ENOENT);
}
