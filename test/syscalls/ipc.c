// System V shared memory, semaphores and message queues; POSIX message queues;
// process_vm_readv; asynchronous I/O.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static void shared_memory(void)
{
	int id = shmget(IPC_PRIVATE, 3 * 4096 + 100, IPC_CREAT | 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
	printf("attached %d %d\n", a != (void *)-1, b != (void *)-1);
	strcpy(a + 4096, "shared");
	puts(b + 4096);
	struct shmid_ds d;
	TRY(shmctl(id, IPC_STAT, &d));
	printf("size %zu attached %lu mode %o cpid %d\n", d.shm_segsz, (unsigned long)d.shm_nattch, d.shm_perm.mode, d.shm_cpid == getpid());
	d.shm_perm.mode = 0640;
	TRY(shmctl(id, IPC_SET, &d));
	TRY(shmctl(id, IPC_STAT, &d));
	printf("mode %o\n", d.shm_perm.mode);
	TRY(munmap(a + 4096, 4096));
	a[0] = 'x';
	printf("%c%c\n", b[0], b[4096]);
	TRY(shmdt(a));
	TRY(shmdt(a));
	TRY(shmdt(b + 1));
	char *fixed = mmap(NULL, 8 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("in the way: %d %s\n", shmat(id, fixed, 0) == (void *)-1, strerrorname_np(errno));
	printf("unaligned: %d %s\n", shmat(id, fixed + 1, 0) == (void *)-1, strerrorname_np(errno));
	printf("remap: %d\n", shmat(id, fixed, SHM_REMAP) == fixed);
	puts(fixed + 4096);
	munmap(fixed + 4 * 4096, 4 * 4096);
	printf("rounded: %d\n", shmat(id, fixed + 4 * 4096 + 5, SHM_RND) == fixed + 4 * 4096);
	TRY(shmctl(id, IPC_RMID, NULL));
	puts(fixed + 5 * 4096);
	TRY(shmdt(fixed));
	TRY(shmdt(fixed + 4 * 4096));
	TRY(shmdt(b));
	TRY(shmctl(id, IPC_STAT, &d));
	printf("gone: %d %s\n", shmat(id, NULL, 0) == (void *)-1, strerrorname_np(errno));
	struct shminfo info;
	printf("info %d\n", shmctl(0, IPC_INFO, (void *)&info) >= 0 && info.shmmni > 0);
}

static volatile sig_atomic_t count;
static void handler(int sig) { count++; }

// alarms has SIGALRM come every so many microseconds, or no more. What it is to interrupt waits without end, and may begin
// after the first one.
static void alarms(int us)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, NULL);
	struct itimerval it = {{0, us}, {0, us}};
	setitimer(ITIMER_REAL, &it, NULL);
}

static void semaphores(void)
{
	union semun {
		int val;
		struct semid_ds *buf;
		unsigned short *array;
		struct seminfo *info;
	} u;
	struct semid_ds d;
	unsigned short values[4] = {1, 2, 3, 4};
	int id = semget(IPC_PRIVATE, 4, IPC_CREAT | 0600);
	u.array = values;
	TRY(semctl(id, 0, SETALL, u));
	memset(values, 0, sizeof values);
	TRY(semctl(id, 0, GETALL, u));
	printf("%d %d %d %d\n", values[0], values[1], values[2], values[3]);
	u.val = 7;
	TRY(semctl(id, 2, SETVAL, u));
	TRY(semctl(id, 2, GETVAL));
	u.val = -1;
	TRY(semctl(id, 2, SETVAL, u));
	struct sembuf ops[] = {{2, -3, 0}, {0, 4, SEM_UNDO}};
	TRY(semop(id, ops, 2));
	TRY(semctl(id, 2, GETVAL));
	TRY(semctl(id, 2, GETPID) == getpid());
	TRY(semctl(id, 2, GETNCNT));
	TRY(semctl(id, 2, GETZCNT));
	u.buf = &d;
	TRY(semctl(id, 0, IPC_STAT, u));
	printf("nsems %lu mode %o otime %d ctime %d\n", (unsigned long)d.sem_nsems, d.sem_perm.mode, d.sem_otime > 0, d.sem_ctime > 0);
	d.sem_perm.mode = 0666;
	TRY(semctl(id, 0, IPC_SET, u));
	TRY(semctl(id, 0, IPC_STAT, u));
	printf("mode %o\n", d.sem_perm.mode);
	u.buf = (void *)8;
	TRY(semctl(id, 0, IPC_STAT, u));
	TRY(semctl(id, 0, GETALL, u));
	TRY(semctl(id, 9, GETVAL));
	TRY(semctl(id, 0, 99));
	struct sembuf wait = {1, -100, 0}, nowait = {1, -100, IPC_NOWAIT};
	struct timespec t = {0, 10000000};
	TRY(semop(id, &nowait, 1));
	TRY(semtimedop(id, &wait, 1, &t));
	alarms(30000);
	TRY(semop(id, &wait, 1));
	alarms(0);
	printf("signals %d\n", count > 0);
	TRY(semctl(id, 0, IPC_RMID));
	TRY(semop(id, &wait, 1));
	struct seminfo info;
	u.info = &info;
	printf("info %d\n", semctl(0, 0, IPC_INFO, u) >= 0 && info.semmsl > 0);
}

static void messages(void)
{
	struct {
		long type;
		char text[64];
	} m = {5, "a message"}, r;
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	TRY(msgsnd(id, &m, 10, 0));
	m.type = 6;
	strcpy(m.text, "six");
	TRY(msgsnd(id, &m, 4, 0));
	struct msqid_ds d;
	TRY(msgctl(id, IPC_STAT, &d));
	printf("messages %lu bytes %lu lspid %d\n", (unsigned long)d.msg_qnum, (unsigned long)d.__msg_cbytes, d.msg_lspid == getpid());
	TRY(msgrcv(id, &r, sizeof r.text, 6, 0));
	printf("%ld %s\n", r.type, r.text);
	TRY(msgrcv(id, &r, 4, 0, 0));
	TRY(msgrcv(id, &r, 4, 0, MSG_NOERROR));
	printf("%ld %.4s\n", r.type, r.text);
	TRY(msgrcv(id, &r, 4, 0, IPC_NOWAIT));
	m.type = 0;
	TRY(msgsnd(id, &m, 4, 0));
	TRY(msgsnd(id, (void *)8, 4, 0));
	TRY(msgsnd(id, &m, -1L, 0));
	TRY(msgsnd(id, &m, 1 << 20, 0));
	alarms(30000);
	TRY(msgrcv(id, &r, sizeof r.text, 0, 0));
	alarms(0);
	d.msg_qbytes = 100;
	TRY(msgctl(id, IPC_SET, &d));
	TRY(msgctl(id, IPC_STAT, &d));
	printf("qbytes %lu\n", (unsigned long)d.msg_qbytes);
	TRY(msgctl(id, IPC_RMID, NULL));
	TRY(msgctl(id, IPC_STAT, &d));
	struct msginfo info;
	printf("info %d\n", msgctl(0, IPC_INFO, (void *)&info) >= 0 && info.msgmax > 0);
}

static volatile int got;
static void notified(int sig, siginfo_t *si, void *uc) { got = si->si_value.sival_int; }
static void notified_thread(union sigval v) { __atomic_store_n(&got, v.sival_int, __ATOMIC_SEQ_CST); }

static void posix_messages(void)
{
	char name[64], buf[128];
	sprintf(name, "/hospes-test-%d", getpid());
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);
	printf("open %d\n", q >= 0);
	TRY(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr));
	TRY(mq_send(q, "low", 4, 1));
	TRY(mq_send(q, "high", 5, 9));
	unsigned prio;
	TRY(mq_receive(q, buf, sizeof buf, &prio));
	printf("%s %u\n", buf, prio);
	TRY(mq_receive(q, buf, sizeof buf, &prio));
	printf("%s %u\n", buf, prio);
	TRY(mq_receive(q, buf, sizeof buf, &prio));
	TRY(mq_receive(q, buf, 8, &prio));
	TRY(mq_getattr(q, &attr));
	printf("%ld %ld %ld %d\n", attr.mq_maxmsg, attr.mq_msgsize, attr.mq_curmsgs, attr.mq_flags == O_NONBLOCK);
	struct sigaction sa = {.sa_sigaction = notified, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR1, &sa, NULL);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
	TRY(mq_notify(q, &ev));
	TRY(mq_notify(q, &ev));
	TRY(mq_send(q, "x", 1, 0));
	printf("notified %d\n", got);
	mq_receive(q, buf, sizeof buf, NULL);
	struct sigevent th = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified_thread, .sigev_value.sival_int = 43};
	TRY(mq_notify(q, &th));
	TRY(mq_send(q, "x", 1, 0));
	for (int i = 0; i < 60000 && __atomic_load_n(&got, __ATOMIC_SEQ_CST) != 43; i++)
		usleep(1000);
	printf("notified %d\n", got);
	TRY(mq_notify(q, NULL));
	TRY(mq_unlink(name));
	TRY(mq_unlink(name));
	TRY(mq_close(q));
}

static void process_vm(void)
{
	char from[] = "hello world", to[16] = "";
	struct iovec l[] = {{to, 3}, {to + 5, 4}}, r[] = {{from, 2}, {from + 6, 5}};
	TRY(process_vm_readv(getpid(), l, 2, r, 2, 0));
	printf("%s|%s\n", to, to + 5);
	TRY(process_vm_writev(getpid(), r, 1, l, 1, 0));
	printf("%s\n", to);
	TRY(process_vm_readv(getpid(), l, 2, r, 2, 1));
	TRY(process_vm_readv(0x7ffffff0, l, 2, r, 2, 0));
	TRY(process_vm_readv(getpid(), l, 0, r, 2, 0));
	struct iovec bad[] = {{from, 2}, {(void *)8, 5}};
	TRY(process_vm_readv(getpid(), l, 2, bad, 2, 0));
	TRY(process_vm_readv(getpid(), l, 2, bad + 1, 1, 0));
	TRY(process_vm_readv(getpid(), (void *)8, 2, r, 2, 0));
	TRY(process_vm_readv(getpid(), l, 2000, r, 2, 0));
}

static void asynchronous(void)
{
	aio_context_t ctx = 0;
	TRY(syscall(SYS_io_setup, 8, &ctx));
	TRY(syscall(SYS_io_setup, 8, &ctx));
	int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char out[10000], in[10000], in2[100];
	for (int i = 0; i < sizeof out; i++)
		out[i] = i * 7;
	struct iocb w = {.aio_data = 11, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (unsigned long)out, .aio_nbytes = sizeof out};
	struct iocb *list[4] = {&w};
	struct io_event ev[8];
	TRY(syscall(SYS_io_submit, ctx, 1, list));
	TRY(syscall(SYS_io_getevents, ctx, 1, 8, ev, NULL));
	printf("data %llu obj %d res %lld\n", ev[0].data, ev[0].obj == (unsigned long)&w, ev[0].res);
	struct iovec v[] = {{in, 5000}, {in + 5000, 5000}};
	struct iocb r1 = {.aio_data = 12, .aio_lio_opcode = IOCB_CMD_PREADV, .aio_fildes = fd, .aio_buf = (unsigned long)v, .aio_nbytes = 2};
	int efd = eventfd(0, 0);
	struct iocb r2 = {.aio_data = 13, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (unsigned long)in2, .aio_nbytes = 100,
		.aio_offset = 9950, .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = efd};
	struct iocb bad = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = -1, .aio_buf = (unsigned long)in2, .aio_nbytes = 100};
	list[0] = &r1, list[1] = &r2, list[2] = &bad;
	TRY(syscall(SYS_io_submit, ctx, 3, list));
	struct timespec t = {60, 0};
	TRY(syscall(SYS_io_getevents, ctx, 2, 8, ev, &t));
	printf("data %llu obj %d res %lld\n", ev[0].data, ev[0].obj == (unsigned long)&r1, ev[0].res);
	printf("data %llu obj %d res %lld\n", ev[1].data, ev[1].obj == (unsigned long)&r2, ev[1].res);
	printf("same %d %d\n", memcmp(in, out, sizeof out), memcmp(in2, out + 9950, 50));
	unsigned long long n;
	TRY(read(efd, &n, 8));
	TRY(syscall(SYS_io_submit, ctx, 1, list + 2));
	list[0] = (void *)8;
	TRY(syscall(SYS_io_submit, ctx, 1, list));
	TRY(syscall(SYS_io_submit, ctx, -1L, list));
	TRY(syscall(SYS_io_submit, ctx + 1, 1, list));
	TRY(syscall(SYS_io_submit, ctx, 0, list));
	bad.aio_fildes = fd;
	bad.aio_lio_opcode = 99;
	TRY(syscall(SYS_io_submit, ctx, 1, list + 2));
	t.tv_sec = 0, t.tv_nsec = 1000000;
	TRY(syscall(SYS_io_getevents, ctx, 1, 8, ev, &t));
	TRY(syscall(SYS_io_getevents, ctx, 9, 8, ev, &t));
	int p[2];
	pipe(p);
	struct iocb poll = {.aio_data = 14, .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = p[0], .aio_buf = 1};
	list[0] = &poll;
	TRY(syscall(SYS_io_submit, ctx, 1, list));
	TRY(syscall(SYS_io_cancel, ctx, &bad, ev));
	TRY(write(p[1], "x", 1));
	TRY(syscall(SYS_io_getevents, ctx, 1, 8, ev, NULL));
	printf("data %llu res %lld\n", ev[0].data, ev[0].res);
	struct {
		sigset_t *mask;
		size_t size;
	} sig = {NULL, 8};
	sigset_t set;
	sigemptyset(&set);
	sig.mask = &set;
	TRY(syscall(SYS_io_pgetevents, ctx, 1, 8, ev, &t, &sig));
	alarms(30000);
	TRY(syscall(SYS_io_pgetevents, ctx, 1, 8, ev, NULL, &sig));
	alarms(0);
	alarms(30000);
	TRY(syscall(SYS_io_getevents, ctx, 1, 8, ev, NULL));
	alarms(0);
	TRY(syscall(SYS_io_destroy, ctx));
	TRY(syscall(SYS_io_destroy, ctx));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared_memory();
	semaphores();
	messages();
	posix_messages();
	process_vm();
	asynchronous();
	return 0;
}
