// A thread ends the process while another one is about to join it: that may not see that it is gone.
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *end(void *arg) {
	_exit(3);
}

int main(void) {
	int wrong = 0;
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		if (child == 0) {
			pthread_t t;
			pthread_create(&t, NULL, end, NULL);
			pthread_join(t, NULL);
			_exit(4);
		}
		int status;
		waitpid(child, &status, 0);
		wrong += WEXITSTATUS(status) != 3;
	}
	printf("ended by who waited: %d of 100\n", wrong);
}
