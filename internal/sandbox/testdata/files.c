// Files as a guest sees them: what this prints is the same on the kernel and in a sandbox. It needs an empty
// directory to work in.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <unistd.h>

#define SHOW(call)                                                          \
	do {                                                                    \
		errno = 0;                                                          \
		long r_ = (long)(call);                                             \
		printf("%s = %ld%s%s\n", #call, r_, r_ < 0 ? " " : "", r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static int pipes[2];
static char buf[100000];

static void nonblock(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

static void test_pipe(void) {
	puts("== pipe");
	SHOW(pipe2(pipes, O_NONBLOCK));
	SHOW(read(pipes[0], buf, 1));
	SHOW(write(pipes[1], buf, 65536));
	SHOW(write(pipes[1], buf, 1));
	struct pollfd p[2] = {{pipes[0], POLLIN | POLLRDNORM}, {pipes[1], POLLOUT}};
	SHOW(poll(p, 2, 0));
	printf("%#x %#x\n", p[0].revents, p[1].revents);
	SHOW(read(pipes[0], buf, 4095));
	SHOW(write(pipes[1], buf, 4096));
	int n;
	SHOW(ioctl(pipes[0], FIONREAD, &n));
	printf("%d\n", n);
	SHOW(fcntl(pipes[0], F_GETPIPE_SZ));
	SHOW(lseek(pipes[0], 0, SEEK_SET));
	SHOW(pread(pipes[0], buf, 1, 0));
	SHOW(read(pipes[1], buf, 1));
	SHOW(write(pipes[0], buf, 1));
	while (read(pipes[0], buf, sizeof buf) > 0) ;
	close(pipes[0]);
	signal(SIGPIPE, SIG_IGN);
	SHOW(write(pipes[1], buf, 1));
	SHOW(poll(p + 1, 1, 0));
	printf("%#x\n", p[1].revents);
	close(pipes[1]);
	pid_t pid;
	pipe(pipes);
	if ((pid = fork()) == 0) {
		signal(SIGPIPE, SIG_DFL);
		close(pipes[0]);
		for (;;) write(pipes[1], buf, sizeof buf);
	}
	close(pipes[1]);
	size_t all = 0;
	while (all < 1000000) all += read(pipes[0], buf, 1000);
	close(pipes[0]);
	int status;
	waitpid(pid, &status, 0);
	printf("writer: signal %d\n", WTERMSIG(status));
}

static int wait_events(int ep) {
	struct epoll_event ev[10];
	int n = epoll_wait(ep, ev, 10, 0);
	printf("events %d:", n);
	for (int i = 0; i < n; i++) printf(" %d:%#x", ev[i].data.u32, ev[i].events);
	puts("");
	return n;
}

static void test_epoll(void) {
	puts("== epoll");
	int ep = epoll_create1(0), e1 = eventfd(0, EFD_NONBLOCK), e2 = eventfd(0, EFD_NONBLOCK), e3 = eventfd(0, EFD_NONBLOCK);
	struct epoll_event level = {EPOLLIN, {.u32 = 1}}, edge = {EPOLLIN | EPOLLET, {.u32 = 2}}, once = {EPOLLIN | EPOLLONESHOT, {.u32 = 3}};
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, e1, &level) | epoll_ctl(ep, EPOLL_CTL_ADD, e2, &edge) | epoll_ctl(ep, EPOLL_CTL_ADD, e3, &once));
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, e1, &level));
	int file = open("f", O_CREAT | O_RDWR, 0600);
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, file, &level));
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &level));
	SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, file, &level));
	wait_events(ep);
	uint64_t v = 1;
	write(e1, &v, 8), write(e2, &v, 8), write(e3, &v, 8);
	wait_events(ep);
	wait_events(ep);
	write(e2, &v, 8), write(e3, &v, 8);
	wait_events(ep);
	SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, e3, &once));
	wait_events(ep);
	read(e1, &v, 8);
	printf("%ld\n", (long)v);
	wait_events(ep);
	write(e1, &v, 8);
	int copy = dup(e1);
	close(e1);
	wait_events(ep); // the file is still open
	close(copy);
	wait_events(ep);
	struct pollfd p = {ep, POLLIN};
	SHOW(poll(&p, 1, 0));
	write(e2, &v, 8);
	SHOW(poll(&p, 1, 0));
	SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, e2, 0));
	SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, e2, 0));
	SHOW(poll(&p, 1, 0));
	struct epoll_event got;
	level.data.u32 = 7;
	epoll_ctl(ep, EPOLL_CTL_MOD, e3, &level);
	read(e3, &v, 8); // before the child can write
	if (fork() == 0) {
		usleep(20000);
		write(e3, &v, 8);
		_exit(0);
	}
	SHOW(epoll_wait(ep, &got, 1, -1));
	printf("%d\n", got.data.u32);
	wait(0);
}

static void test_timer(void) {
	puts("== timerfd");
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t v = 0;
	SHOW(read(fd, &v, 8));
	struct itimerspec t = {{0, 1000000}, {0, 1000000}}, old;
	SHOW(timerfd_settime(fd, 0, &t, 0));
	struct pollfd p = {fd, POLLIN};
	SHOW(poll(&p, 1, 5000));
	usleep(5000);
	SHOW(read(fd, &v, 8));
	printf("several: %d\n", v > 2);
	SHOW(read(fd, &v, 4));
	memset(&t, 0, sizeof t);
	SHOW(timerfd_settime(fd, 0, &t, &old));
	printf("interval %ld\n", old.it_interval.tv_nsec);
	SHOW(poll(&p, 1, 10));
	fd_set set;
	FD_ZERO(&set);
	pipe2(pipes, 0);
	FD_SET(pipes[1], &set);
	SHOW(select(pipes[1] + 1, 0, &set, 0, 0));
	SHOW(FD_ISSET(pipes[1], &set));
	close(60); // a bit beyond the table of descriptors, which holds 64 or more, would be ignored
	FD_SET(60, &set);
	SHOW(select(61, &set, 0, 0, 0));
}

static void test_sockets(int domain, int type) {
	printf("== sockets %d %d\n", domain, type);
	int sp[2];
	SHOW(socketpair(domain, type, 0, sp));
	struct iovec v = {"message", 7};
	union { char b[CMSG_SPACE(8)]; struct cmsghdr h; } control = {.h = {CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS}};
	pipe(pipes);
	memcpy(CMSG_DATA(&control.h), pipes, 8);
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	SHOW(send(sp[0], "first", 5, 0));
	SHOW(sendmsg(sp[0], &m, 0));
	SHOW(send(sp[0], "last", 4, 0));
	close(pipes[0]);
	SHOW(recv(sp[1], buf, 3, MSG_PEEK));
	v.iov_base = buf, v.iov_len = 5;
	memset(&control, 0, sizeof control);
	SHOW(recvmsg(sp[1], &m, 0));
	printf("%.5s, control %d\n", buf, m.msg_controllen);
	m.msg_controllen = sizeof control, v.iov_len = 100;
	SHOW(recvmsg(sp[1], &m, MSG_CMSG_CLOEXEC));
	int got[2];
	memcpy(got, CMSG_DATA(&control.h), 8);
	printf("%.11s, control %d type %d cloexec %d\n", buf, m.msg_controllen, control.h.cmsg_type, fcntl(got[0], F_GETFD));
	write(got[1], "through", 7);
	SHOW(read(got[0], buf, 100));
	if (type != SOCK_STREAM) SHOW(recv(sp[1], buf, 2, MSG_TRUNC));
	struct ucred cred;
	socklen_t n = sizeof cred;
	SHOW(getsockopt(sp[0], SOL_SOCKET, SO_PEERCRED, &cred, &n));
	printf("mine %d\n", cred.pid == getpid());
	SHOW(shutdown(sp[0], SHUT_WR));
	struct pollfd p = {sp[1], POLLIN | POLLOUT | POLLRDHUP};
	if (type != SOCK_DGRAM) {
		recv(sp[1], buf, 100, MSG_DONTWAIT);
		SHOW(recv(sp[1], buf, 100, MSG_DONTWAIT));
		SHOW(poll(&p, 1, 0));
		printf("%#x\n", p.revents);
	}
	close(sp[0]);
	SHOW(send(sp[1], "x", 1, MSG_NOSIGNAL));
	SHOW(poll(&p, 1, 0));
	printf("%#x\n", p.revents);
	close(sp[1]);
}

static void test_names(void) {
	puts("== names of sockets");
	struct sockaddr_un a = {AF_UNIX, "sock"}, got = {0};
	socklen_t n = sizeof got;
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	SHOW(connect(c, (void *)&a, sizeof a));
	SHOW(bind(s, (void *)&a, sizeof a));
	SHOW(connect(c, (void *)&a, sizeof a));
	SHOW(listen(s, 1));
	SHOW(connect(c, (void *)&a, sizeof a));
	SHOW(connect(c, (void *)&a, sizeof a));
	int d = accept4(s, (void *)&got, &n, SOCK_CLOEXEC);
	printf("%d %d\n", got.sun_family, n);
	SHOW(write(c, "hello", 5));
	SHOW(read(d, buf, 100));
	SHOW(read(c, buf, 100));
	n = sizeof got;
	SHOW(getpeername(c, (void *)&got, &n));
	printf("%s\n", got.sun_path);
	close(d);
	SHOW(read(c, buf, 100));
	close(s);
	close(c);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	SHOW(connect(c, (void *)&a, sizeof a));
	SHOW(open("sock", O_RDWR));
	a.sun_path[0] = 0;
	sprintf(a.sun_path + 1, "%08x", getpid()); // others may run this at the same time
	s = socket(AF_UNIX, SOCK_DGRAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
	SHOW(bind(s, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 9));
	SHOW(sendto(d, "to you", 6, 0, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 9));
	SHOW(recvfrom(s, buf, 3, MSG_TRUNC, (void *)&got, &n));
	SHOW(recv(s, buf, 3, MSG_DONTWAIT));
	SHOW(connect(c, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 9));
	struct sockaddr_in in = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
	s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	SHOW(bind(s, (void *)&in, sizeof in));
	SHOW(listen(s, 5));
	n = sizeof in;
	SHOW(getsockname(s, (void *)&in, &n));
	printf("port given %d\n", in.sin_port != 0);
	SHOW(connect(c, (void *)&in, sizeof in));
	d = accept(s, 0, 0);
	SHOW(write(d, "over TCP", 8));
	SHOW(read(c, buf, 100));
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	SHOW(connect(s, (void *)&in, sizeof in));
}

static void test_locks(void) {
	puts("== locks");
	int fd = open("f", O_CREAT | O_RDWR, 0600);
	struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
	SHOW(fcntl(fd, F_SETLK, &l));
	pipe(pipes);
	if (fork() == 0) {
		SHOW(fcntl(fd, F_SETLK, &l));
		SHOW(fcntl(fd, F_GETLK, &l));
		printf("type %d start %ld len %ld parent's %d\n", l.l_type, (long)l.l_start, (long)l.l_len, l.l_pid == getppid());
		l = (struct flock){.l_type = F_WRLCK, .l_start = 0, .l_len = 10};
		SHOW(fcntl(fd, F_SETLK, &l));
		l = (struct flock){.l_type = F_WRLCK};
		write(pipes[1], "", 1);
		SHOW(fcntl(fd, F_SETLKW, &l));
		exit(0);
	}
	read(pipes[0], buf, 1); // the child has tried what does not wait
	usleep(20000);
	close(dup(fd)); // any descriptor that is closed takes the locks along
	wait(0);
	int other = open("f", O_RDONLY);
	SHOW(flock(fd, LOCK_EX));
	SHOW(flock(other, LOCK_SH | LOCK_NB));
	if (fork() == 0) _exit(flock(other, LOCK_SH) == 0 ? 42 : 1);
	usleep(20000);
	SHOW(flock(fd, LOCK_UN));
	int status;
	wait(&status);
	printf("child %d\n", WEXITSTATUS(status));
}

static void test_descriptors(void) {
	puts("== descriptors");
	struct rlimit r = {20, 20};
	SHOW(setrlimit(RLIMIT_NOFILE, &r));
	int n = 0;
	while (open("f", O_RDONLY) >= 0) n++;
	printf("%s\n", strerrorname_np(errno));
	SHOW(dup(0));
	SHOW(dup2(0, 20));
	SHOW(fcntl(0, F_DUPFD, 20));
	SHOW(pipe(pipes));
	SHOW(close_range(10, 15, 0));
	SHOW(fcntl(0, F_DUPFD, 12));
	SHOW(dup(0));
	SHOW(dup2(0, 15));
	SHOW(close(15));
	SHOW(close(15));
	SHOW(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
	SHOW(fcntl(12, F_GETFD));
	SHOW(close_range(3, ~0U, 0));
	SHOW(fcntl(12, F_GETFD));
}

static void test_memory(void) {
	puts("== mapped files");
	int fd = open("m", O_CREAT | O_RDWR | O_TRUNC, 0600);
	write(fd, "before", 6);
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SHOW(memcmp(p, "before", 6));
	memcpy(p, "mapped", 6);
	SHOW(pread(fd, buf, 100, 0));
	printf("%.6s\n", buf);
	pwrite(fd, "writte", 6, 0);
	printf("%.6s\n", p);
	if (fork() == 0) {
		memcpy(p, "child!", 6);
		_exit(0);
	}
	wait(0);
	printf("%.6s\n", p);
	char *q = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	q[0] = 'X';
	printf("%.6s %.6s\n", p, q);
	unlink("m");
	close(fd);
	printf("%.6s\n", p);
	fd = open("f", O_RDONLY);
	SHOW(mmap(0, 4096, PROT_WRITE, MAP_SHARED, fd, 0));
	fd = memfd_create("name", 0);
	SHOW(ftruncate(fd, 8192));
	p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[5000] = 'm';
	SHOW(pread(fd, buf, 1, 5000));
	printf("%c\n", buf[0]);
	char link[100] = {0};
	sprintf(buf, "/proc/self/fd/%d", fd);
	SHOW(readlink(buf, link, 100));
	puts(link);
}

int main(void) {
	setlinebuf(stdout);
	test_pipe();
	test_epoll();
	test_timer();
	test_sockets(AF_UNIX, SOCK_STREAM);
	test_sockets(AF_UNIX, SOCK_SEQPACKET);
	test_sockets(AF_UNIX, SOCK_DGRAM);
	test_names();
	test_locks();
	test_memory();
	test_descriptors();
	return 0;
}
