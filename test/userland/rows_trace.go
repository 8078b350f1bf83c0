package main

import "time"

// worldTrace are programs that trace others by ptrace(2).
var worldTrace = []worldRow{
	{name: "strace/follow", packages: "strace", about: "strace -f: a shell, its children, signals, exit statuses",
		script: `strace -f -o log -e trace=execve,exit_group dash -c '/bin/true; /bin/false; kill -USR1 $$; exit 3' || echo status $?
grep -c 'execve(.* = 0$' log; grep -o 'SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER' log; grep -o '+++ .* +++' log | sort`,
		want: "status 138\n3\nSIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER\n+++ exited with 0 +++\n+++ exited with 1 +++\n+++ killed by SIGUSR1 +++\n"},
	{name: "strace/seccomp", packages: "strace", about: "strace -f --seccomp-bpf: filters that ask the tracer",
		script: `strace -f --seccomp-bpf -o log -e trace=execve,nanosleep,clock_nanosleep bash -c 'sleep 0.2; /bin/true; exit 4' || echo status $?
grep -c 'execve(.* = 0$' log; grep -c 'nanosleep(.* = 0$' log; sed -n 's/^[0-9]* *\([a-z_]*\)(.*/\1/p' log | sort | uniq -c | tr -s ' '`,
		want: "status 4\n3\n1\n 1 clock_nanosleep\n 3 execve\n"},
	{name: "strace/signals", packages: "strace", about: "strace: signals that are handled, stop the program and have it go on",
		script: `strace -o log -e trace=none bash -c 'trap "echo term" TERM; kill -TERM $$; (sleep 0.3; kill -CONT $$; sleep 0.5) & kill -STOP $$; wait; exit 5' || echo $?
sed 's/ {si_signo.*//' log`,
		want: "term\n5\n--- SIGTERM\n--- SIGSTOP\n--- stopped by SIGSTOP ---\n--- SIGCONT\n--- SIGCHLD\n+++ exited with 5 +++\n"},
	{name: "strace/attach", packages: "strace", about: "strace -f -p: attaching, detaching; the programs go on",
		// In parentheses, so that sh forks. A parent in vfork(2) cannot be stopped: if strace ends while the child waits for it, it waits for
		// the parent, natively too.
		script: `sh -c 'until [ -e end ]; do (sleep 0.1); done; echo went on' & p=$!
timeout -s INT 2 strace -f -o log -p $p 2>err || true
touch end; wait $p
grep -q 'execve("/.*/sleep"' log && grep -q '+++ exited with 0 +++' log && grep -q 'Process [0-9]* detached' err && echo followed`,
		want: "went on\nfollowed\n"},
	{name: "strace/inject", packages: "strace", about: "strace -e inject: results and signals that the tracer makes",
		script: `strace -o log -e inject=getcwd:error=EPERM /bin/pwd || echo refused; grep -o 'EPERM.*' log
strace -o log -e inject=geteuid:retval=77 id -u
strace -o log -e inject=write:signal=USR1:when=1 sh -c 'trap "echo trapped" USR1; echo hello'`,
		want: "/work\nEPERM (Operation not permitted) (INJECTED)\n77\nhello\ntrapped\n"},
	{name: "strace/count", packages: "strace", about: "strace -c -f, -y: summary of calls, paths of descriptors",
		script: `strace -c -f -o log bash -c '(exit 4); /bin/true'; awk '$NF ~ /^(execve|clone|wait4)$/ { print $NF, $4 }' log | sort; grep -c 'total$' log
strace -y -o log md5sum words.txt >out; grep -o "read(3</work/words.txt>" log | head -1`,
		want: "clone 1\nexecve 2\nwait4 2\n1\nread(3</work/words.txt>\n"},
	{name: "gdb/session", packages: "gdb-minimal", about: "gdb of a program without debugging information: break, backtrace, step, registers, call, end",
		script: gdb + `-ex 'break write' -ex 'run hello' -ex 'bt 1' -ex 'printf "fd %d, %d bytes\n", $a0, $a2' -ex 'set $old = $pc' -ex 'stepi' -ex 'printf "moved %d\n", $pc != $old' \
-ex 'print ((int(*)(int))abs)(-7)' -ex 'delete' -ex continue /bin/echo 2>/dev/null | grep -E '^(#0|fd|moved|\$1|hello|\[Inferior.*exited)' | sed 's/process [0-9]*/process/; s/^#0 .* in \(.*\) from .*/at \1/'`,
		want: "at write ()\nfd 1, 6 bytes\nmoved 1\n$1 = 7\nhello\n[Inferior 1 (process) exited normally]\n", limit: 4 * time.Minute},
	{name: "gdb/attach", packages: "gdb-minimal", about: "gdb -p: attaching to a program, a call in it, detaching; it goes on",
		script: `sh -c 'until [ -e end ]; do sleep 0.1; done; echo went on' & p=$!
` + gdb + `-p $p -ex 'printf "sp %d\n", $sp != 0' -ex "print ((int(*)(void))getpid)() == $p" -ex detach 2>/dev/null | grep -E '^(sp|\$1|\[Inferior)' | sed 's/process [0-9]*/process/'
touch end; wait $p`,
		want: "sp 1\n$1 = 1\n[Inferior 1 (process) detached]\nwent on\n", limit: 4 * time.Minute},
	{name: "gdb/fork", packages: "gdb-minimal", about: "gdb: following the child of a fork into the program that it executes",
		files:  map[string]string{"f": "/bin/false; echo $?\n"},
		script: gdb + `-ex 'set follow-fork-mode child' -ex 'run f' /bin/dash 2>/dev/null | grep -E '^(1$|\[Inferior.*exited)|new program' | sed 's/rocess [0-9]*/rocess/' | sort`,
		want:   "1\n[Inferior 2 (process) exited with code 01]\nprocess is executing new program: /usr/bin/false\n", limit: 4 * time.Minute},
}

// gdb runs commands that follow; programs start without a shell.
const gdb = `gdb -q -batch -nx -ex 'set pagination off' -ex 'set startup-with-shell off' -ex 'set breakpoint pending on' -ex 'set debuginfod enabled off' `
