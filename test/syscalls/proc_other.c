// /proc of another process, threads that are nobody's, and files that are read again.
#define _GNU_SOURCE
#include "asleep.h"
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char shared_text[] = "in the parent";
static char buf[1 << 18];

static char *slurp(const char *name, size_t *n) {
	int fd = open(name, O_RDONLY);
	ssize_t got;
	*n = 0;
	if (fd < 0) {
		printf("%s: %s\n", name, strerrorname_np(errno));
		buf[0] = 0;
		return buf;
	}
	while ((got = read(fd, buf + *n, sizeof buf - 1 - *n)) > 0)
		*n += got;
	buf[*n] = 0;
	close(fd);
	return buf;
}

static char *path(int pid, const char *file) {
	static char name[100];
	snprintf(name, sizeof name, "/proc/%d/%s", pid, file);
	return name;
}

static int number(char *text, const char *name) {
	char *p = strstr(text, name);
	return p ? atoi(p + strlen(name)) : -1;
}

static void *idle(void *arg) {
	pause();
	return arg;
}

static int entries(const char *dir) {
	int n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void child(int ready) {
	pthread_t th;
	char *name = shared_text;
	prctl(PR_SET_NAME, "the-child");
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, (void (*)(int))idle);
	strcpy(name, "in the child");
	pthread_create(&th, NULL, idle, NULL);
	pthread_create(&th, NULL, idle, NULL);
	closefrom(ready + 1);
	write(ready, "x", 1);
	pause();
	_exit(0);
}

static void other(char **argv) {
	int p[2], status;
	size_t n;
	char c, link[PATH_MAX] = "", own[PATH_MAX] = "";
	pipe(p);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[0]);
		child(p[1]);
	}
	read(p[0], &c, 1);
	await_sleep(pid, pid);
	readlink(path(pid, "exe"), link, sizeof link);
	readlink("/proc/self/exe", own, sizeof own);
	printf("exe %d\n", strcmp(link, own) == 0);
	struct stat a, b;
	stat(path(pid, "exe"), &a);
	stat("/proc/self/exe", &b);
	printf("same file %d\n", a.st_ino == b.st_ino);
	printf("comm %s", slurp(path(pid, "comm"), &n));
	printf("cmdline %d\n", strcmp(slurp(path(pid, "cmdline"), &n), argv[0]) == 0);
	char *text = slurp(path(pid, "status"), &n);
	printf("Threads %d, Pid %d, PPid %d\n", number(text, "Threads:\t"), number(text, "\nPid:\t") == pid, number(text, "\nPPid:\t") == getpid());
	unsigned long ign = 0, cgt = 0;
	sscanf(strstr(text, "SigIgn:") + 7, "%lx", &ign);
	sscanf(strstr(text, "SigCgt:") + 7, "%lx", &cgt);
	printf("SigIgn USR1 %d USR2 %d, SigCgt USR1 %d USR2 %d\n", (int)(ign >> 9 & 1), (int)(ign >> 11 & 1), (int)(cgt >> 9 & 1), (int)(cgt >> 11 & 1));
	text = slurp(path(pid, "stat"), &n);
	char state;
	int ppid, threads;
	sscanf(strrchr(text, ')') + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d", &state, &ppid, &threads);
	printf("stat %c %d threads %d\n", state, ppid == getpid(), threads);
	printf("tasks %d, descriptors %d\n", entries(path(pid, "task")), entries(path(pid, "fd")));
	unsigned long from, to;
	int found = 0, high = 0;
	for (char *line = strtok(slurp(path(pid, "maps"), &n), "\n"); line; line = strtok(NULL, "\n")) {
		char prot[5];
		sscanf(line, "%lx-%lx %4s", &from, &to, prot);
		high += strstr(line, "[stack]") != NULL;
		if ((unsigned long)other >= from && (unsigned long)other < to)
			printf("text %s\n", prot), found++;
		if ((unsigned long)shared_text >= from && (unsigned long)shared_text < to)
			printf("data %s\n", prot), found++;
	}
	printf("maps: found %d, stack %d\n", found, high);
	Elf64_auxv_t *av = (void *)slurp(path(pid, "auxv"), &n);
	for (; n && av->a_type != AT_NULL; av++)
		if (av->a_type == AT_ENTRY || av->a_type == AT_PHDR)
			printf("auxv %d %d\n", (int)av->a_type, av->a_un.a_val == getauxval(av->a_type));
	char got[20] = "";
	struct iovec local = {got, sizeof shared_text}, remote = {shared_text, sizeof shared_text};
	printf("process_vm_readv %zd %s\n", process_vm_readv(pid, &local, 1, &remote, 1, 0), got);
	int mem = open(path(pid, "mem"), O_RDWR);
	memset(got, 0, sizeof got);
	ssize_t r = pread(mem, got, sizeof shared_text, (off_t)(uintptr_t)shared_text);
	printf("mem %zd %s\n", r, got);
	printf("write %zd\n", pwrite(mem, "by the parent", 14, (off_t)(uintptr_t)shared_text));
	memset(got, 0, sizeof got);
	process_vm_readv(pid, &local, 1, &remote, 1, 0);
	printf("now %s, here %s\n", got, shared_text);
	printf("text can be written %zd\n", pwrite(mem, shared_text, 1, (off_t)(uintptr_t)other));
	printf("hole %d\n", pread(mem, got, 8, 8) < 0 && errno == EIO);
	close(mem);
	text = slurp(path(pid, "smaps"), &n);
	printf("smaps %d\n", strstr(text, "\nRss:") && strstr(text, "\nVmFlags: rd"));
	text = slurp(path(pid, "smaps_rollup"), &n);
	printf("rollup %d %d\n", strstr(text, "[rollup]") != NULL, number(text, "\nRss:") > 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("gone: %d %s\n", open(path(pid, "maps"), O_RDONLY), strerrorname_np(ENOENT));
}

// Between the IDs of the process and of a thread there may be threads, but none of
// this program's.
static void threads(void) {
	int odd = 0;
	char name[64];
	struct stat st;
	for (int tid = getpid() + 1; tid < getpid() + 40; tid++) {
		odd += syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
		snprintf(name, sizeof name, "/proc/self/task/%d", tid);
		odd += stat(name, &st) == 0 || errno != ENOENT;
		snprintf(name, sizeof name, "/proc/self/task/%d/comm", tid);
		odd += open(name, O_RDONLY) >= 0;
	}
	printf("unknown threads %d\n", odd);
}

static void again(void) {
	int fd = open("/proc/self/maps", O_RDONLY), st = open("/proc/self/status", O_RDONLY);
	char text[1 << 16], needle[40];
	ssize_t n = 0, got;
	while ((got = read(fd, text + n, sizeof text - 1 - n)) > 0)
		n += got;
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(needle, sizeof needle, "%lx-", (unsigned long)p);
	text[n] = 0;
	printf("before %d\n", strstr(text, needle) != NULL);
	lseek(fd, 0, SEEK_SET);
	for (n = 0; (got = read(fd, text + n, sizeof text - 1 - n)) > 0;)
		n += got;
	text[n] = 0;
	printf("after %d\n", strstr(text, needle) != NULL);
	for (int i = 0; i < 3; i++) {
		prctl(PR_SET_NAME, i == 0 ? "first" : i == 1 ? "second-name" : "3");
		n = pread(st, text, sizeof text - 1, 0);
		text[n] = 0;
		printf("%.*s\n", (int)(strchr(text, '\n') - text), text);
	}
	close(fd);
	close(st);
	fd = open("/proc/self/cmdline", O_RDONLY);
	n = read(fd, text, sizeof text);
	printf("fstat: %d\n", fstat(fd, &(struct stat){0}));
	close(fd);
}

int main(int argc, char **argv) {
	setvbuf(stdout, NULL, _IONBF, 0);
	threads();
	again();
	other(argv);
}
