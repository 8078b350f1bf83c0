package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// stressors are stress-ng's tests of what processes, threads and signals are made of. Each
// runs twice at once, and checks what it does (--verify).
var stressors = strings.Fields(`fork vfork clone pthread futex pipe mmap mremap poll epoll shm sem mq
	signal sigq sigsegv sigfpe sigsuspend sigpending sigrt sigabrt sigchld sigio sigpipe sigtrap
	timer itimer timerfd switch clock nanosleep procfs`)

// Seconds that a stressor runs: in a full run, and where time is short.
const (
	stressLong  = 10
	stressShort = 1
)

func stressTests() []test {
	var tests []test
	for _, s := range stressors {
		tests = append(tests, test{
			name: "stress-ng/" + s, about: fmt.Sprintf("`stress-ng --%s 2 --timeout %d --verify`", s, stressLong),
			packages: "stress-ng", quick: s == "signal", limit: 2 * time.Minute,
			run: func(ctx context.Context, c *config) (verdict, string) { return stress(ctx, c, s) },
		})
	}
	return tests
}

// stress runs one stressor; all of its instances must have passed.
func stress(ctx context.Context, c *config, stressor string) (verdict, string) {
	if c.root == "" {
		return skipped, "no Debian root"
	}
	dir, err := c.workDir("stress-ng-" + stressor)
	if err != nil {
		return failed, err.Error()
	}
	seconds := stressLong
	if c.quick || !c.slow {
		seconds = stressShort
	}
	cmd := c.guest(ctx, dir, "/usr/bin/stress-ng", "--"+stressor, "2", "--timeout", strconv.Itoa(seconds), "--verify")
	endTogether(cmd)
	out, status, err := outcome(cmd, "")
	text := out.stdout + out.stderr
	switch {
	case err != nil && err != exec.ErrWaitDelay:
		return failed, err.Error()
	case status != 0, !strings.Contains(text, "passed: 2: "+stressor+" (2)"):
		return failed, fmt.Sprintf("exit status %d\n%s", status, lastLines(text, 20))
	}
	return passed, ""
}
