// Makes system calls that exist under the same number of arguments on all machines,
// between two calls of getppid, for a comparison with strace(1).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define S(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define L(x) ((long)(x))

static void handler(int sig) {}

static void files(void)
{
	char buf[4096];
	S(openat, AT_FDCWD, "/nonexistent", O_RDONLY);
	S(mkdirat, AT_FDCWD, "dir", 0755);
	long fd = S(openat, AT_FDCWD, "dir/file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	S(write, fd, "hello\tworld\n\"quoted\" \\ \0011\001x\377", 26L);
	S(write, fd, "this is a text that is much longer than strace would ever print", 63L);
	S(lseek, fd, 0L, SEEK_SET);
	S(read, fd, buf, 5L);
	S(read, fd, buf, 4096L);
	S(read, fd, buf, 4096L);
	S(pread64, fd, buf, 3L, 100L);
	struct iovec v[] = {{"ab", 2}, {"cde", 3}}, r[] = {{buf, 3}, {buf + 10, 100}};
	S(writev, fd, v, 2L);
	S(lseek, fd, L(-5), SEEK_END);
	S(readv, fd, r, 2L);
	S(fstat, fd, buf);
	S(newfstatat, AT_FDCWD, "dir", buf, 0L);
	S(newfstatat, AT_FDCWD, "/dev/null", buf, AT_SYMLINK_NOFOLLOW);
	S(newfstatat, AT_FDCWD, "nope", buf, 0L);
	S(statx, AT_FDCWD, "nope", AT_SYMLINK_NOFOLLOW, STATX_ALL, buf);
	S(faccessat, AT_FDCWD, "dir", R_OK | X_OK);
	S(faccessat, AT_FDCWD, "nope", F_OK);
	S(fcntl, fd, F_GETFD);
	S(fcntl, fd, F_SETFD, 0L);
	S(fcntl, fd, F_GETFL);
	S(fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK);
	long dup = S(fcntl, fd, F_DUPFD_CLOEXEC, 20L);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 2};
	S(fcntl, fd, F_SETLK, &lock);
	S(fcntl, fd, F_GETLK, &lock);
	S(dup3, fd, 25L, O_CLOEXEC);
	S(close, dup);
	S(close, 25L);
	S(close, 25L);
	S(flock, fd, LOCK_EX | LOCK_NB);
	S(ftruncate, fd, 10L);
	S(fallocate, fd, FALLOC_FL_KEEP_SIZE, 0L, 100L);
	S(ioctl, fd, TIOCGWINSZ, buf);
	S(ioctl, fd, FIONREAD, buf);
	S(linkat, AT_FDCWD, "dir/file", AT_FDCWD, "hard", 0L);
	S(symlinkat, "target", AT_FDCWD, "soft");
	S(readlinkat, AT_FDCWD, "soft", buf, 100L);
	S(renameat2, AT_FDCWD, "hard", AT_FDCWD, "soft", RENAME_NOREPLACE);
	S(fchmodat, AT_FDCWD, "hard", 0600L);
	S(fchownat, AT_FDCWD, "hard", L(-1), L(-1), AT_SYMLINK_NOFOLLOW);
	S(utimensat, AT_FDCWD, "hard", NULL, 0L);
	struct timespec ts[] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
	S(utimensat, AT_FDCWD, "hard", ts, 0L);
	long d = S(openat, AT_FDCWD, "dir", O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	S(getdents64, d, buf, 4096L);
	S(getdents64, d, buf, 4096L);
	S(unlinkat, d, "file", 0L);
	S(unlinkat, AT_FDCWD, "dir", AT_REMOVEDIR);
	S(umask, 022L);
	S(chdir, "/nonexistent/dir");
	S(mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0L);
	S(memfd_create, "name", MFD_CLOEXEC);
	S(truncate, "hard", 5L);
	S(close, fd);
	S(close, d);
}

static void memory(void)
{
	char *m = (char *)S(mmap, NULL, 8192L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
	S(mmap, NULL, 0L, PROT_NONE, MAP_SHARED | MAP_NORESERVE | MAP_ANONYMOUS, -1L, 0L);
	S(mprotect, m, 4096L, PROT_READ);
	S(mprotect, m + 1, 4096L, PROT_NONE);
	S(madvise, m, 4096L, MADV_DONTNEED);
	S(msync, m, 4096L, MS_SYNC);
	m = (char *)S(mremap, m, 8192L, 16384L, MREMAP_MAYMOVE);
	S(munmap, m, 16384L);
	S(brk, NULL);
}

static void signals(void)
{
	sigset_t set;
	memset(&set, 0, sizeof set);
	unsigned long long mask = 1 << (SIGUSR1 - 1) | 1ULL << 33, all = ~(1ULL << 4);
	S(rt_sigprocmask, SIG_BLOCK, &mask, &set, 8L);
	S(rt_sigprocmask, SIG_SETMASK, &all, NULL, 8L);
	S(rt_sigprocmask, SIG_UNBLOCK, &all, NULL, 8L);
	S(rt_sigprocmask, 77L, &all, NULL, 8L);
	S(rt_sigpending, &set, 8L);
	S(kill, L(getpid()), 0L);
	S(kill, L(getpid()), SIGWINCH);
	S(kill, L(getpid()), SIGUSR2);
	S(tgkill, L(getpid()), L(getpid()), L(SIGRTMIN + 5));
	union sigval v = {.sival_int = 77};
	sigqueue(getpid(), SIGUSR2, v);
	S(sigaltstack, NULL, &set);
	struct timespec t = {0, 1000};
	S(rt_sigtimedwait, &mask, NULL, &t, 8L);
}

static void times_(void)
{
	struct timespec t = {0, 1000};
	struct itimerspec it = {{0, 0}, {100, 5}};
	struct itimerval iv = {{0, 0}, {100, 0}};
	S(nanosleep, &t, NULL);
	S(clock_nanosleep, CLOCK_REALTIME, 0L, &t, NULL);
	t.tv_nsec = -1;
	S(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	S(clock_getres, CLOCK_MONOTONIC, &t);
	S(setitimer, ITIMER_REAL, &iv, NULL);
	long fd = S(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	S(timerfd_settime, fd, 0L, &it, NULL);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 5};
	int id = 0;
	S(timer_create, CLOCK_MONOTONIC, &ev, &id);
	S(timer_settime, L(id), 0L, &it, NULL);
	S(timer_delete, L(id));
	S(getrandom, &t, 4L, 999L);
}

static void waiting(void)
{
	int p[2];
	char buf[16];
	S(pipe2, p, O_CLOEXEC);
	struct pollfd f[] = {{p[0], POLLIN}, {p[1], POLLOUT}, {-1, 0}};
	struct timespec zero = {0, 0};
	S(ppoll, f, 3L, NULL, NULL, 8L);
	S(ppoll, f, 1L, &zero, NULL, 8L);
	long e = S(epoll_create1, EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = 7};
	S(epoll_ctl, e, EPOLL_CTL_ADD, L(p[0]), &ev);
	S(write, L(p[1]), "x", 1L);
	struct epoll_event out[4];
	S(epoll_pwait, e, out, 4L, 0L, NULL, 8L);
	S(epoll_pwait, e, out, 4L, 0L, NULL, 8L);
	S(epoll_ctl, e, EPOLL_CTL_DEL, L(p[0]), NULL);
	fd_set r, w;
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	S(pselect6, 20L, &r, &w, NULL, NULL, NULL);
	S(pselect6, 0L, NULL, NULL, NULL, &zero, NULL);
	S(eventfd2, 3L, EFD_CLOEXEC | EFD_SEMAPHORE);
	long in = S(inotify_init1, IN_NONBLOCK);
	S(inotify_add_watch, in, "/", IN_CREATE | IN_ONLYDIR);
	unsigned word = 1;
	S(futex, &word, FUTEX_WAIT_PRIVATE, 2L, NULL);
	S(futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1L);
	S(futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1L, &zero, NULL, L(-1));
	S(wait4, L(-1), NULL, WNOHANG, NULL);
	S(waitid, P_PID, 1L, NULL, WEXITED | WNOHANG, NULL);
}

static void sockets(void)
{
	char buf[128];
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(1), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "nowhere"}, abstract = {.sun_family = AF_UNIX, .sun_path = "\0hospes"};
	long s = S(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0L);
	int one = 1;
	S(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, 4L);
	S(setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, 4L);
	unsigned len = 4;
	S(getsockopt, s, SOL_SOCKET, SO_TYPE, buf, &len);
	S(bind, s, &in, 16L);
	S(listen, s, 5L);
	len = 128;
	S(getpeername, s, buf, &len);
	S(shutdown, s, SHUT_RDWR);
	long s6 = S(socket, AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
	S(connect, s6, &in6, 28L);
	S(getsockname, s, buf, (void *)8);
	long u = S(socket, AF_UNIX, SOCK_STREAM, 0L);
	S(connect, u, &un, L(sizeof un));
	S(connect, u, &abstract, 9L);
	int p[2];
	S(socketpair, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0L, p);
	S(sendto, L(p[0]), "data", 4L, MSG_NOSIGNAL, NULL, 0L);
	S(recvfrom, L(p[1]), buf, 100L, MSG_DONTWAIT, NULL, NULL);
	S(recvfrom, L(p[1]), buf, 100L, 0L, NULL, NULL);
	struct iovec v = {"message", 7}, r = {buf, 100};
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(4)];
	} c = {.h = {CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS}};
	memset(CMSG_DATA(&c.h), 0, 4);
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1}, mc = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
	struct msghdr mr = {.msg_iov = &r, .msg_iovlen = 1};
	S(sendmsg, L(p[0]), &m, 0L);
	S(sendmsg, L(p[0]), &mc, 0L);
	S(recvmsg, L(p[1]), &mr, 0L);
	mr.msg_iov = &r;
	S(recvmsg, L(p[1]), &mr, MSG_TRUNC);
	S(recvmsg, L(p[1]), &mr, MSG_TRUNC);
	S(sendto, s6, "x", 1L, 0L, &in6, 28L);
}

static void processes(void)
{
	char buf[256];
	struct rlimit l;
	S(getuid);
	S(setpgid, 0L, 0L);
	S(getpgid, L(12345678));
	S(prlimit64, 0L, RLIMIT_NOFILE, NULL, &l);
	l.rlim_cur = 2048, l.rlim_max = RLIM_INFINITY;
	S(prlimit64, 0L, RLIMIT_CORE, &l, NULL);
	S(prlimit64, 0L, 99L, NULL, &l);
	S(sched_yield);
	S(sched_getscheduler, 0L);
	S(getpriority, PRIO_PROCESS, 0L);
	S(prctl, PR_SET_NAME, "a name");
	S(prctl, PR_GET_NAME, buf);
	S(prctl, PR_SET_PDEATHSIG, L(SIGTERM));
	S(prctl, PR_GET_DUMPABLE);
	S(personality, 0xffffffffL);
	char *argv[] = {"prog", "arg", NULL}, *envp[] = {"A=1", NULL};
	S(execve, "/nonexistent", argv, envp);
	S(execveat, AT_FDCWD, "/nonexistent", argv, NULL, AT_EMPTY_PATH);
	S(unshare, 0L);
	S(setpriority, PRIO_PROCESS, 0L, 0L);
}

int main(void)
{
	signal(SIGUSR2, handler);
	signal(SIGRTMIN + 5, handler);
	S(getppid);
	files();
	memory();
	signals();
	times_();
	waiting();
	sockets();
	processes();
	S(getppid);
	S(exit_group, 3L);
}
