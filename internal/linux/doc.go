//go:build linux && amd64

// Package linux is the personality: it makes the host look like the Linux machine
// that the guest program was built for. System calls are rows of one table
// (table.go); a file per area holds their handlers. Everything here is common to
// guest instruction sets with the generic 64-bit system call table; what differs
// comes through guest.Arch.
//
// # Principles
//
// The host kernel does the real work wherever it can: guest descriptors are host
// descriptors, guest threads host threads, guest signals host signals with real
// masks and dispositions. A handler translates numbers, flags and layouts, never
// re-implements what the kernel offers.
//
// # Memory
//
// Guest memory is reached through Task.Mem only. A pointer that the kernel would
// refuse gives EFAULT.
//
// # Locks
//
// In the order in which they may be taken, outermost first:
//
//  1. the Tracer's: it reads guest memory;
//  2. mem.Space's, under which it calls [Process.FlushCode], and cpuSet.mu in that;
//  3. Process.mu, which guards the task list. So nobody who holds it touches guest
//     memory, calls the Tracer, or makes a call that may block;
//  4. virtualQueue.mu.
//
// All others (signalState, limits, memFiles, rootFDs, aioContexts and its contexts)
// are held for a few lines that take no other of this package.
//
// # Files
//
//   - the outer loop: start.go, run.go, task.go (Task, Call, restart codes),
//     process.go, errno.go
//   - the table: table.go, marshal.go (arguments by specification), iovec.go
//   - threads, processes, programs: clone.go, thread.go, attributes.go (what a thread
//     inherits), vfork.go, shared.go, cpuset.go (CPUs that share memory), futex.go, robust.go,
//     sched.go, exec.go, execimage.go, execstate.go
//   - signals: signal.go (actions, masks), signal_calls.go, signal_deliver.go,
//     signal_stack.go, signal_virtual.go (the six that the host never
//     blocks), signalfd.go
//   - namespaces and sandboxes: namespace.go, landlock.go, seccomp.go
//   - memory: mm.go, mlock.go, shm.go, procvm.go,
//   - paths and files: path.go (the sysroot), file.go, stat.go, dir.go, mount.go,
//     fcntl.go, xattr.go, multiplex.go, ioctl.go, ioctl_table.go, reserved.go (descriptors of hospes)
//   - ptrace: ptrace.go and wait.go (the tracer), traced.go, follow.go and debugged.go (the tracee);
//     coredump.go
//   - /proc: procfs.go, procname.go, procmem.go, snapshot.go; hostview.go (what others see
//     of the process), hiddenthread.go
//   - waiting: poll.go, epoll.go, time.go, aio.go
//   - sockets and IPC: socket.go, sockaddr.go, message.go, ipc.go
//   - identity and limits: identity.go, limits.go, prctl.go, kcmp.go, uname.go
package linux
