//go:build linux && amd64

// Package ptrace is ptrace(2) between guests: the protocol between the hospes of a
// tracer and the hospes of its tracee, and the tracer's side of it.
//
// A guest thread is a host thread, and the host's kernel does the work that it can
// do: the tracer traces the tracee on the host, so permissions, waiting, the
// notification of the tracer, the end of either and the detaching that follows are
// the kernel's. But where the host stops a thread it is somewhere in hospes, and
// what it stops it for is hospes's business. So there are two kinds of stops.
//
// # Stops of the host
//
// The kernel stops the tracee for each signal, and the tracer learns that in its
// wait. [Tracer.Stopped] looks at the reason and has the tracee go on, so that the guest
// never hears of it:
//
//   - Faults and signals that hospes itself sends are delivered.
//   - A signal for the guest is carried (trap.Carry): the tracee gets it whatever its
//     disposition, and stops for it in its own time, at a block boundary.
//   - The stop after execve is passed over; the new program makes its own.
//
// # Stops of the guest
//
// The tracee writes a [Record], which says why it stops and holds its registers, and
// executes a breakpoint with the address of the record in a register (forkall.Gate.Halt).
// The tracer reads the record, makes the guest's wait status of it, serves its
// requests from it, and at the end writes it back with the answer: how the tracee is
// to go on. If there is no tracer any more the breakpoint has no effect, and the tracee
// sees that nobody has answered.
//
// Stops for job control are the host's own, as whole processes stop: the tracee sends
// itself the signal once the tracer has let it through, and the record says so.
//
// A tracer cannot stop a tracee at will, but asks for it by a kick; the tracee stops
// ([Ask]), and the tracer makes what it wants of that.
//
// # Children
//
// The child of a traced clone or fork waits before its first instruction until its
// tracer, whom the parent's stop tells of it, has attached itself. A child of vfork is
// attached by the host's kernel: the parent cannot stop by itself then.
package ptrace
