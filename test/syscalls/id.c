// Users, groups, capabilities, names of the machine and of threads, prctl, scheduling.
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static void show(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;
	gid_t list[64];
	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	printf("uid %d %d %d gid %d %d %d groups", r, e, s, gr, ge, gs);
	int n = getgroups(64, list);
	for (int i = 0; i < n; i++)
		printf(" %d", list[i]);
	printf("\n");
}

static void caps(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};
	TRY(syscall(SYS_capget, &h, d));
	printf("effective %x %x\n", d[0].effective, d[1].effective);
	d[0].effective &= ~(1 << CAP_CHOWN);
	TRY(syscall(SYS_capset, &h, d));
	TRY(syscall(SYS_capget, &h, d));
	printf("effective %x %x\n", d[0].effective, d[1].effective);
	h.version = _LINUX_CAPABILITY_VERSION_1;
	TRY(syscall(SYS_capget, &h, d));
	h.version = 0;
	TRY(syscall(SYS_capget, &h, NULL));
	printf("version %x\n", h.version);
	TRY(syscall(SYS_capget, &h, (void *)8));
	TRY(syscall(SYS_capget, NULL, NULL));
	TRY(syscall(SYS_capget, (void *)8, NULL));
	h.version = _LINUX_CAPABILITY_VERSION_3;
	h.pid = -1;
	TRY(syscall(SYS_capget, &h, d));
}

static void *in_thread(void *arg)
{
	char name[16];
	cpu_set_t set;
	prctl(PR_GET_NAME, name);
	sched_getaffinity(0, sizeof set, &set);
	printf("thread: name %s cpus %d nice %d slack %d nnp %d\n", name, CPU_COUNT(&set), getpriority(PRIO_PROCESS, 0),
	       prctl(PR_GET_TIMERSLACK), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	show();
	return NULL;
}

static void thread(void)
{
	pthread_t t;
	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
}

static void prctls(void)
{
	char name[32] = "";
	int v = -1;
	TRY(prctl(PR_SET_NAME, "a name that is too long"));
	TRY(prctl(PR_GET_NAME, name));
	puts(name);
	TRY(prctl(PR_SET_NAME, 8));
	TRY(prctl(PR_GET_NAME, 8));
	TRY(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	TRY(prctl(PR_SET_PDEATHSIG, 99));
	TRY(prctl(PR_GET_PDEATHSIG, &v));
	printf("pdeathsig %d\n", v);
	TRY(prctl(PR_GET_PDEATHSIG, 8));
	TRY(prctl(PR_SET_PDEATHSIG, 0));
	TRY(prctl(PR_GET_DUMPABLE));
	TRY(prctl(PR_SET_DUMPABLE, 7));
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
	TRY(prctl(PR_GET_CHILD_SUBREAPER, &v));
	printf("subreaper %d\n", v);
	TRY(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	TRY(prctl(PR_SET_KEEPCAPS, 2));
	TRY(prctl(PR_GET_TIMING, 0, 0, 0, 0));
	TRY(prctl(PR_SET_TIMERSLACK, 60000));
	TRY(prctl(PR_GET_TIMERSLACK));
	TRY(prctl(PR_GET_SECCOMP));
	TRY(prctl(PR_CAPBSET_READ, CAP_CHOWN));
	TRY(prctl(PR_CAPBSET_READ, 64));
	TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	TRY(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(prctl(12345));
	char *m = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m, 4096, "a $name"));
	TRY(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m + 1, 4096, "x"));
	TRY(prctl(PR_SET_VMA, 1, m, 4096, "x"));
}

static void scheduling(void)
{
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
		unsigned min, max;
	} a = {.size = 48, .policy = SCHED_BATCH, .nice = 5};
	TRY(syscall(SYS_sched_setattr, 0, &a, 0));
	TRY(sched_getscheduler(0));
	memset(&a, 0, sizeof a);
	TRY(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
	printf("policy %u nice %d size %u\n", a.policy, a.nice, a.size);
	a.size = 8;
	TRY(syscall(SYS_sched_setattr, 0, &a, 0));
	printf("size %u\n", a.size);
	TRY(syscall(SYS_sched_setattr, 0, NULL, 0));
	TRY(syscall(SYS_sched_setattr, 0, (void *)8, 0));
	TRY(sched_get_priority_max(SCHED_FIFO));
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	TRY(sched_setaffinity(0, sizeof set, &set));
	CPU_ZERO(&set);
	TRY(sched_setaffinity(0, sizeof set, &set));
	unsigned cpu = 99, node = 99;
	TRY(syscall(SYS_getcpu, &cpu, &node, NULL));
	printf("cpu %u node %u\n", cpu, node);
	TRY(syscall(SYS_getcpu, NULL, NULL, NULL));
	TRY(syscall(SYS_getcpu, (void *)8, NULL, NULL));
	TRY(syscall(SYS_membarrier, 16, 0, 0));
	TRY(syscall(SYS_membarrier, 8, 0, 0));
	TRY(syscall(SYS_membarrier, 3, 0, 0));
	printf("membarrier query %d\n", (syscall(SYS_membarrier, 0, 0, 0) & 0x1f) == 0x1f);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct utsname u;
	TRY(uname(&u));
	printf("%s, release starts with a digit: %d\n", u.sysname, u.release[0] >= '0' && u.release[0] <= '9');
	TRY(syscall(SYS_uname, NULL));
	TRY(personality(0xffffffff));
	TRY(personality(ADDR_NO_RANDOMIZE));
	TRY(personality(0xffffffff));
	show();
	caps();
	prctls();
	scheduling();
	thread();
	if (geteuid() == 0) {
		gid_t groups[] = {10, 20, 30};
		TRY(setgroups(3, groups));
		TRY(syscall(SYS_setgroups, 70000, groups));
		TRY(syscall(SYS_setgroups, 3, (void *)8));
		TRY(setresgid(1, 2, 3));
		TRY(setfsgid(5));
		TRY(setfsgid(-1));
		TRY(setregid(-1, 3));
		TRY(setreuid(100, 200));
		show();
		TRY(setfsuid(100));
		TRY(setfsuid(-1));
		thread();
		TRY(seteuid(0));
		TRY(seteuid(100));
		TRY(setuid(0));
		thread();
		caps();
	}
	return 0;
}
