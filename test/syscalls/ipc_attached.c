// How often a segment of System V shared memory is attached, when parts of it are unmapped: the
// kernel counts mappings.
// skip-host-pages: the host has other mappings where pages are divided
#include "show.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

static void attached(int id) {
	struct shmid_ds d = {0};
	show(shmctl(id, IPC_STAT, &d));
	printf("attached %lu\n", (unsigned long)d.shm_nattch);
}

int main(void) {
	int id = shmget(IPC_PRIVATE, 3 * 4096, IPC_CREAT | 0600);
	char *p = shmat(id, NULL, 0);
	attached(id);
	show(munmap(p + 4096, 4096));
	attached(id);
	show(shmdt(p));
	attached(id);
	show(shmctl(id, IPC_RMID, NULL));
	return 0;
}
