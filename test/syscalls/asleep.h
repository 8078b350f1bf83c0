// Waiting for another thread to wait.
#pragma once
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// await_sleep returns when a thread sleeps, and has done nothing else for some time: so it is in the call in which
// it is to wait, however late it has come there. It gives up after a minute, and if the thread has ended.
static void await_sleep(int pid, int tid) {
	char name[64], text[8192], before[200] = "";
	snprintf(name, sizeof name, "/proc/%d/task/%d/status", pid, tid);
	for (int times = 0, looks = 0; times < 10 && looks < 20000; looks++) {
		usleep(3000);
		int fd = open(name, O_RDONLY);
		ssize_t n = read(fd, text, sizeof text - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		char *state = strstr(text, "\nState:\t"), *switches = strstr(text, "\nvoluntary_ctxt_switches:");
		if (!state || state[8] == 'Z' || state[8] == 'X') return; // it has ended
		if (!switches) switches = "";
		times = state[8] == 'S' && strncmp(switches, before, sizeof before - 1) == 0 ? times + 1 : 0;
		strncpy(before, switches, sizeof before - 1);
	}
}
